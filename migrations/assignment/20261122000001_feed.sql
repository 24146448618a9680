-- The change feed's tables, the same in every database that tells others what changed (design section 5).

-- Thin rows, written in the transaction of the fact after the entity's row lock. No payload: nothing erased survives here.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mark bigint NOT NULL,
    tenant_id uuid NOT NULL,
    kind smallint NOT NULL,
    entity_id uuid NOT NULL,
    version bigint NOT NULL
);

-- Committed rows with a dense number. The sequencer moves them here from the outbox in id order.
CREATE TABLE feed (
    seq bigint PRIMARY KEY,
    outbox_id bigint NOT NULL UNIQUE,
    mark bigint NOT NULL,
    tenant_id uuid NOT NULL,
    kind smallint NOT NULL,
    entity_id uuid NOT NULL,
    version bigint NOT NULL,
    sequenced_at timestamptz NOT NULL
);

-- The one row that every batch of the sequencer locks.
CREATE TABLE feed_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq bigint NOT NULL
);
INSERT INTO feed_head (seq) VALUES (0);

-- How far this service has applied the feeds of others.
CREATE TABLE feed_cursor (
    feed text PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    mark bigint NOT NULL DEFAULT 0,
    -- Grows with every rebuild; projection rows compare (generation, version).
    generation bigint NOT NULL DEFAULT 1,
    -- Set while a rebuild runs: where to go on, and where to follow from afterwards.
    rebuild_page text,
    rebuild_seq bigint,
    rebuild_mark bigint,
    lease uuid,
    lease_until timestamptz
);

-- The first answer to every request id (design section 8): kept 30 days.
CREATE TABLE request_log (
    tenant_id uuid NOT NULL,
    scope text NOT NULL CHECK (length(scope) <= 100),
    request_id uuid NOT NULL,
    body_hash bytea NOT NULL CHECK (length(body_hash) = 32),
    answer bytea,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, scope, request_id)
);
CREATE INDEX request_log_age ON request_log (created_at);
