-- Views: saved, named filters. Standard views are derived in code and stand here only once a tenant has changed one.

CREATE TABLE view (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    -- Personal, of a team, of the tenant.
    scope smallint NOT NULL CHECK (scope IN (1, 2, 3)),
    -- The agent of a personal view, the team of a team's. No foreign key: both are projections.
    owner_id uuid,
    -- The standard view that this row stands for; 0 for none.
    standard smallint NOT NULL DEFAULT 0 CHECK (standard BETWEEN 0 AND 11),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    icon text NOT NULL CHECK (length(icon) <= 64),
    colour text NOT NULL CHECK (colour ~ '^(#[0-9A-Fa-f]{6})?$'),
    -- As it was asked: relative parts are told at each use. A hundred ids in each part are 50 kB.
    filter jsonb NOT NULL CHECK (pg_column_size(filter) <= 131072),
    sort_order smallint NOT NULL CHECK (sort_order BETWEEN 0 AND 5),
    columns smallint[] NOT NULL CHECK (columns <@ ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]::smallint[]
        AND cardinality(columns) <= 12),
    hidden boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    CHECK ((scope = 3) = (owner_id IS NULL)),
    CHECK (standard = 0 OR scope = 3)
);
CREATE INDEX view_of_owner ON view (tenant_id, scope, owner_id);

-- How an agent has arranged its views, and which opens first. Ids of views that are no more are passed over.
CREATE TABLE agent_views (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    agent_id uuid NOT NULL,
    view_ids uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(view_ids) <= 400),
    pinned_ids uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(pinned_ids) <= 400),
    default_view_id uuid,
    PRIMARY KEY (tenant_id, agent_id)
);

-- Which view opens first for members of a team who chose none.
CREATE TABLE team_views (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    team_id uuid NOT NULL,
    default_view_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, team_id)
);

-- What standard views count, and no index had in front.
CREATE INDEX conversation_wants_attention ON conversation (tenant_id, last_activity_at DESC, id DESC)
    WHERE needs_attention <> 0;
CREATE INDEX conversation_snoozed ON conversation (tenant_id, snoozed_until, id) WHERE status = 3;
CREATE INDEX conversation_was_closed ON conversation (tenant_id, closed_at DESC, id DESC) WHERE status = 4;
CREATE INDEX conversation_is_due ON conversation (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
