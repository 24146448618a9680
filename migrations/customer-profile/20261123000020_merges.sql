-- Merges that people make, addresses by which the same person may be recognised, and what people said of suggestions.

-- Each a link between two customers while it is not undone. Kept for good: who merged whom, and when.
CREATE TABLE customer_merge (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- Those that stood for their sets when people said so.
    survivor_id uuid NOT NULL,
    merged_id uuid NOT NULL,
    by_subject text NOT NULL,
    -- Later than that of every merge that holds among the same customers: the newest says who stands for all.
    merged_at timestamptz NOT NULL,
    undone_by text,
    undone_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, survivor_id) REFERENCES customer (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_id) REFERENCES customer (tenant_id, id),
    CHECK (survivor_id <> merged_id),
    CHECK ((undone_by IS NULL) = (undone_at IS NULL))
);
CREATE INDEX customer_merge_survivor ON customer_merge (tenant_id, survivor_id, merged_at DESC, id DESC);
CREATE INDEX customer_merge_merged ON customer_merge (tenant_id, merged_id, merged_at DESC, id DESC);
-- The release before this one knows of no merges: while both run it may part what people merged, which is put right.
CREATE INDEX customer_merge_recent ON customer_merge (merged_at) WHERE undone_at IS NULL;

-- Who decides which customers of a tenant are one holds its row until the commit: the feed's consumer and people, one
-- after the other. Rows of customers are locked after it.
CREATE TABLE merging (
    tenant_id uuid PRIMARY KEY
);

-- What customers are compared by. The key is the address without what differs between writings of it.
CREATE TABLE contact_address (
    tenant_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    -- The number of the identity's kind: 3 phone, 5 e-mail.
    kind smallint NOT NULL CHECK (kind IN (3, 5)),
    key text COLLATE "C" NOT NULL CHECK (length(key) <= 256),
    sent text NOT NULL CHECK (length(sent) <= 256),
    verified boolean NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, kind, key),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_address_key ON contact_address (tenant_id, kind, key, contact_id);

-- The version of the contact that its addresses were taken from. Those of contacts that were there before, and of those
-- that the release before this one writes, are taken later: the rule needs more than SQL.
ALTER TABLE contact ADD COLUMN addressed_version bigint;
CREATE INDEX contact_not_addressed ON contact (tenant_id, id) WHERE addressed_version IS DISTINCT FROM version;

-- By name and company, without case in every script.
CREATE INDEX customer_same_name_and_company
    ON customer (tenant_id, lower(company COLLATE "und-x-icu"), lower(name COLLATE "und-x-icu"))
    WHERE merged_into IS NULL AND company <> '' AND name <> '';

-- Two people, said people. The smaller id comes first.
CREATE TABLE dismissed_suggestion (
    tenant_id uuid NOT NULL,
    one_id uuid NOT NULL,
    other_id uuid NOT NULL,
    by_subject text NOT NULL,
    dismissed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, one_id, other_id),
    FOREIGN KEY (tenant_id, one_id) REFERENCES customer (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, other_id) REFERENCES customer (tenant_id, id) ON DELETE CASCADE,
    CHECK (one_id < other_id)
);
CREATE INDEX dismissed_suggestion_other ON dismissed_suggestion (tenant_id, other_id);
