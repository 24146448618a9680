-- What this service knows of others, through their feeds: idempotent, versioned, rebuilt from zero at any time.

CREATE TABLE agent (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX agent_subject ON agent (tenant_id, subject);

CREATE TABLE team (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    all_channels boolean NOT NULL,
    channel_ids uuid[] NOT NULL,
    agent_ids uuid[] NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX team_agents ON team USING gin (agent_ids);

CREATE TABLE customer (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    tag_ids uuid[] NOT NULL,
    merged_into uuid,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- The customer behind a contact, where customer-profile linked it to another than the one minted with it.
CREATE TABLE contact_customer (
    tenant_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, contact_id)
);
CREATE INDEX contact_customer_reverse ON contact_customer (tenant_id, customer_id);
