-- Agents are listed by name. What an older release writes stands at the beginning until the agent is changed.
ALTER TABLE agent ADD COLUMN name_folded text NOT NULL DEFAULT '';
UPDATE agent SET name_folded = lower(display_name);
CREATE INDEX agent_by_name ON agent (tenant_id, name_folded, id);

ALTER TABLE team
    -- After how many seconds of being away or offline what a member holds goes back to the queue; null for never.
    ADD COLUMN return_away_s integer CHECK (return_away_s BETWEEN 0 AND 86400),
    ADD COLUMN return_offline_s integer CHECK (return_offline_s BETWEEN 0 AND 86400),
    ADD COLUMN working_hours jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_array_length(working_hours) <= 70),
    ADD COLUMN time_zone text NOT NULL DEFAULT '' CHECK (length(time_zone) <= 64);

-- Many conversations that change their holder, moved step by step by whichever process has the lease.
CREATE TABLE operation (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
    -- From whom.
    agent_id uuid NOT NULL,
    -- To whom; null where each goes back to its team's queue.
    to_kind smallint CHECK (to_kind IN (2, 3)),
    to_id uuid,
    force boolean NOT NULL,
    state smallint NOT NULL CHECK (state IN (1, 2)),
    -- Rows of operation_item that were ever pending, and what became of them.
    total integer NOT NULL DEFAULT 0,
    moved integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    failed_reason text NOT NULL DEFAULT '',
    actor_kind smallint NOT NULL CHECK (actor_kind BETWEEN 1 AND 5),
    actor_id uuid,
    note text NOT NULL CHECK (length(note) <= 2000),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    lease uuid,
    lease_until timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agent (tenant_id, id),
    CHECK ((to_kind IS NULL) = (to_id IS NULL)),
    CHECK ((state = 2) = (ended_at IS NOT NULL))
);
CREATE INDEX operation_of_agent ON operation (tenant_id, agent_id, id);
CREATE INDEX operation_running ON operation (updated_at) WHERE state = 1;
CREATE INDEX operation_age ON operation (ended_at) WHERE state = 2;

-- One conversation of an operation, under the epoch in which the agent held it: the fence of its transfer.
CREATE TABLE operation_item (
    tenant_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    epoch bigint NOT NULL,
    -- 1 pending, 2 moved, 3 skipped, 4 failed.
    state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4),
    PRIMARY KEY (tenant_id, operation_id, conversation_id),
    FOREIGN KEY (tenant_id, operation_id) REFERENCES operation (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX operation_item_pending ON operation_item (tenant_id, operation_id, conversation_id) WHERE state = 1;
