-- Referrals, mentions, quotes that resolve, events in the order in which they happened, receipts up to a point, channels
-- that are deleted.

ALTER TABLE message
    -- The advertisement or post through which the customer came.
    ADD COLUMN referral jsonb CHECK (pg_column_size(referral) <= 65536),
    -- Agents whom a private note calls.
    ADD COLUMN mention_agent_ids uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(mention_agent_ids) <= 20),
    -- The external id of the edit that stands: with edited_at it tells which of two edits is the later one, in whatever
    -- order they came.
    ADD COLUMN edited_by text NOT NULL DEFAULT '' CHECK (length(edited_by) <= 512);

ALTER TABLE outbound
    -- When the send that counts began: what a receipt up to a time is compared with.
    ADD COLUMN begun_at timestamptz,
    -- What receipts up to a later reply or time say of this one. Apart from what is known of the reply itself: a failed
    -- reply stays failed although the customer read what came after it, whichever was told first.
    ADD COLUMN implied smallint NOT NULL DEFAULT 0 CHECK (implied IN (0, 5, 6));
-- The replies that a receipt up to a point still tells something about.
CREATE INDEX outbound_unread ON outbound (tenant_id, conversation_id, position DESC)
    WHERE implied < 6 AND state <> 6;

-- A channel is deleted by its state; its history stays. With the foreign key the database refuses a live conversation on
-- a deleted channel, and the deletion of a channel with live conversations, whoever comes first.
ALTER TABLE channel DROP CONSTRAINT channel_state_check;
ALTER TABLE channel ADD CONSTRAINT channel_state_check CHECK (state IN (1, 2, 3));
ALTER TABLE channel ADD COLUMN is_kept boolean NOT NULL GENERATED ALWAYS AS (state <> 3) STORED;
ALTER TABLE channel ADD CONSTRAINT channel_kept UNIQUE (tenant_id, id, is_kept);
CREATE INDEX conversation_live_of_channel ON conversation (tenant_id, channel_id, live_marker)
    WHERE live_marker IS NOT NULL;
ALTER TABLE conversation ADD CONSTRAINT conversation_live_on_channel
    FOREIGN KEY (tenant_id, channel_id, live_marker) REFERENCES channel (tenant_id, id, is_kept);

-- Addresses that were replaced by others, kept as long as providers retry: a message by the former one, stamped before the
-- change, is the same person's, while the address may be another's by now.
CREATE TABLE identity_change (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    value text NOT NULL CHECK (length(value) BETWEEN 1 AND 256),
    at timestamptz NOT NULL,
    new_value text NOT NULL CHECK (length(new_value) BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, kind, value, at)
);
CREATE INDEX identity_change_age ON identity_change (created_at);
