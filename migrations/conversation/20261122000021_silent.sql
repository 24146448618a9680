-- Snoozed conversations are silent on purpose: a tick that looks for silence does not walk over them.
DROP INDEX conversation_silent;
CREATE INDEX conversation_silent ON conversation (tenant_id, channel_id, last_activity_at)
    WHERE status <> 4 AND status <> 3;
