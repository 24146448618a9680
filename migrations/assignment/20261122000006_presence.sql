-- Whether an agent is there, by a heartbeat that expires by itself: `status` counts until `expires_at`, then the agent is
-- offline.
CREATE TABLE presence (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    status smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    -- Since when it has been this status without a gap.
    since timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- When what the agent holds goes back to the queue, by the rules of its teams, unless a heartbeat comes before; null when
    -- no rule says so, or that was done.
    return_at timestamptz,
    PRIMARY KEY (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agent (tenant_id, id)
);
CREATE INDEX presence_online ON presence (expires_at) WHERE status = 1;
CREATE INDEX presence_return ON presence (return_at) WHERE return_at IS NOT NULL;

-- What the AI thinks that the person should know or speak who takes it.
ALTER TABLE holder_change ADD COLUMN hand_off_skill text NOT NULL DEFAULT '', ADD COLUMN hand_off_language text NOT NULL DEFAULT '';
