-- Kinds of notifications that agents do not want; without a row an agent is told of everything.
CREATE TABLE notification_preference (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    muted smallint[] NOT NULL CHECK (cardinality(muted) <= 20),
    PRIMARY KEY (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agent (tenant_id, id)
);

-- Entries of the timeline that say that a snoozed conversation woke: each is told once, however often the feed replays and
-- whoever holds the conversation by then. Kept as long as notifications; older ones are not told.
CREATE TABLE wake (
    tenant_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
);
CREATE INDEX wake_age ON wake (at);
