-- Customers that were erased: the row stays, so that ids resolve and counts hold, without a word of the person.
ALTER TABLE customer ADD COLUMN erased_at timestamptz, ADD COLUMN erasure_id uuid;

-- Erasures, kept for good: who asked for what and when, with ids and counts alone.
CREATE TABLE erasure (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    customer_ids uuid[] NOT NULL,
    contact_ids uuid[] NOT NULL,
    -- 1 conversations, 2 copies, 3 done.
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    -- What copies have to show, while they are waited for.
    tokens text[] NOT NULL DEFAULT '{}',
    conversations_erased bigint NOT NULL DEFAULT 0,
    messages_erased bigint NOT NULL DEFAULT 0,
    conversations_left bigint NOT NULL DEFAULT 0,
    waits_for text NOT NULL DEFAULT '',
    by_subject text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    lease uuid,
    lease_until timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state = 3) = (ended_at IS NOT NULL))
);
CREATE INDEX erasure_running ON erasure (updated_at) WHERE state < 3;

-- Which kept answers are about whom, so that an erasure finds them.
CREATE TABLE answer_about (
    tenant_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    scope text NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, scope, request_id),
    FOREIGN KEY (tenant_id, scope, request_id) REFERENCES request_log ON DELETE CASCADE
);
CREATE INDEX answer_about_request ON answer_about (tenant_id, scope, request_id);
