-- What routing asks of a conversation: how urgent it is, since when it waits, and for whom.
ALTER TABLE conversation ADD COLUMN priority smallint NOT NULL DEFAULT 2, ADD COLUMN waiting_since timestamptz,
    ADD COLUMN holder_since timestamptz, ADD COLUMN hand_off_reason smallint NOT NULL DEFAULT 0,
    -- The epoch that conversation said is over: nobody is to ask for it again until the feed shows another.
    ADD COLUMN refused_epoch bigint;
-- A team's queue in the order in which it is worked off.
CREATE INDEX conversation_queue ON conversation (tenant_id, holder_id, (-priority), holder_since, id)
    WHERE holder_kind = 3 AND status IN (1, 2);
CREATE INDEX conversation_of_contact ON conversation (tenant_id, contact_id, id);

-- What routing asks of a customer, through customer-profile's feed.
CREATE TABLE customer (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    language text NOT NULL,
    tag_ids uuid[] NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Whose contact it is; a merge gives it to the customer who stays.
CREATE TABLE customer_contact (
    tenant_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id, contact_id)
);
CREATE INDEX customer_contact_of ON customer_contact (tenant_id, customer_id);

-- Whose turn it is: when routing last gave the member something of this team's queue.
ALTER TABLE team_member ADD COLUMN routed_at timestamptz;

CREATE TABLE routing_rule (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    name_folded text NOT NULL,
    enabled boolean NOT NULL,
    -- Rules are asked in this order; the first whose conditions hold decides.
    place integer NOT NULL CHECK (place BETWEEN 0 AND 1000),
    -- Conditions: an empty one holds always.
    channel_ids uuid[] NOT NULL CHECK (cardinality(channel_ids) <= 100),
    team_ids uuid[] NOT NULL CHECK (cardinality(team_ids) <= 100),
    priorities smallint[] NOT NULL CHECK (priorities <@ ARRAY [1, 2, 3, 4]::smallint[]),
    languages text[] NOT NULL CHECK (cardinality(languages) <= 20),
    customer_tag_ids uuid[] NOT NULL CHECK (cardinality(customer_tag_ids) <= 100),
    hand_off_reasons smallint[] NOT NULL CHECK (hand_off_reasons <@ ARRAY [1, 2, 3, 4, 5, 6, 7]::smallint[]),
    strategy smallint NOT NULL CHECK (strategy BETWEEN 1 AND 4),
    required_skills jsonb NOT NULL CHECK (jsonb_array_length(required_skills) <= 20),
    preferred_skills text[] NOT NULL CHECK (cardinality(preferred_skills) <= 20),
    language_required boolean NOT NULL,
    -- 0: never.
    fallback_after_s integer NOT NULL CHECK (fallback_after_s BETWEEN 0 AND 604800),
    fallback_team_id uuid,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT routing_rule_name UNIQUE (tenant_id, name_folded),
    CONSTRAINT routing_rule_fallback FOREIGN KEY (tenant_id, fallback_team_id) REFERENCES team (tenant_id, id)
);
CREATE INDEX routing_rule_enabled ON routing_rule (tenant_id, place, id) WHERE enabled;

-- Whether something is on its way to a holder already.
CREATE INDEX reservation_live ON reservation (tenant_id, conversation_id) WHERE state IN (1, 2);
