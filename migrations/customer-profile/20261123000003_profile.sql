-- What a profile says beyond names: category, attributes of the tenant's own, who helped; and the orders and filters of
-- the list. What this release keeps in step on `customer` has defaults, so that the release before it can write beside it.

-- What a tenant keeps about its customers. Values are keyed by a definition's id: a new key, or the end of a definition,
-- is a change of this one row.
CREATE TABLE attribute_definition (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (length(key) <= 64 AND key ~ '^[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*$'),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
    -- 1 text, 2 number, 3 boolean, 4 date, 5 one of a list, 6 link.
    type smallint NOT NULL CHECK (type BETWEEN 1 AND 6),
    -- What one of a list may be; empty for the others.
    options text[] NOT NULL DEFAULT '{}' CHECK (cardinality(options) <= 100 AND (type = 5) = (cardinality(options) > 0)),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key)
);

ALTER TABLE tenant_totals
    ADD COLUMN attribute_definitions integer NOT NULL DEFAULT 0 CHECK (attribute_definitions BETWEEN 0 AND 100);

ALTER TABLE customer
    -- What people said, as the other columns of that kind: null was never said, empty was taken back.
    ADD COLUMN said_category text CHECK (length(said_category) <= 64),
    -- Text by definition id; JSON's null was taken back. At most 100 values of at most 1,000 characters.
    ADD COLUMN said_attributes jsonb NOT NULL DEFAULT '{}'
        CHECK (jsonb_typeof(said_attributes) = 'object' AND octet_length(said_attributes::text) <= 1000000),
    -- What follows from the merged set, kept for those that stand for themselves.
    ADD COLUMN category text,
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN has_phone boolean NOT NULL DEFAULT false,
    ADD COLUMN last_contact_at timestamptz;

-- Who carries a value, to find customers by it. It follows from `customer.attributes`. A hash, since values are longer
-- than an index takes.
CREATE TABLE customer_attribute (
    tenant_id uuid NOT NULL,
    definition_id uuid NOT NULL,
    value_hash uuid NOT NULL,
    customer_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, definition_id, value_hash, customer_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX customer_attribute_of_customer ON customer_attribute (tenant_id, customer_id);

-- Which agents answered a contact, and when last; from the states of messages. No foreign key, as for `contact_totals`.
CREATE TABLE contact_agent (
    tenant_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    answered_at timestamptz NOT NULL,
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, agent_id)
);
CREATE INDEX contact_agent_newest ON contact_agent (tenant_id, contact_id, answered_at DESC);

-- One index an order.
CREATE INDEX customer_by_last_contact ON customer (tenant_id, coalesce(last_contact_at, '-infinity'), id)
    WHERE merged_into IS NULL;
CREATE INDEX customer_by_first_contact ON customer (tenant_id, coalesce(first_contact_at, '-infinity'), id)
    WHERE merged_into IS NULL;
-- One index a filter: few customers behind it are looked up and sorted.
CREATE INDEX customer_of_category ON customer (tenant_id, category, id) WHERE merged_into IS NULL AND category IS NOT NULL;
CREATE INDEX customer_with_phone ON customer (tenant_id, has_phone, id) WHERE merged_into IS NULL;
CREATE INDEX customer_tag_bearers ON customer_tag (tenant_id, tag_id, customer_id);
CREATE INDEX contact_of_channel ON contact (tenant_id, channel_id, customer_id);

UPDATE customer c SET
    has_phone = s.has_phone, last_contact_at = s.last_contact_at
FROM (
    SELECT r.tenant_id, coalesce(r.merged_into, r.id) AS id,
           bool_or(k.identities @> '[{"kind": 3}]') AS has_phone, max(t.last_activity_at) AS last_contact_at
    FROM customer r
    JOIN contact k ON k.tenant_id = r.tenant_id AND k.customer_id = r.id
    LEFT JOIN contact_totals t ON t.tenant_id = k.tenant_id AND t.contact_id = k.id
    GROUP BY 1, 2
) AS s
WHERE c.tenant_id = s.tenant_id AND c.id = s.id;
