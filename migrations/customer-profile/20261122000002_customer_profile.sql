-- Customers and what the team knows of them (design sections 3 and 8).

-- Versions of customers come from one sequence, not from a counter a row: a contact that moves from one customer to
-- another is then ordered for those who follow the feed, whichever of the two states reaches them first.
CREATE SEQUENCE customer_version;

CREATE TABLE customer (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- The customer that this one was merged into; always one that stands for itself, never a chain.
    merged_into uuid CHECK (merged_into <> id),
    -- What people said. Null was never said; empty was taken back. It stays with its customer through every merge.
    corrected_name text CHECK (length(corrected_name) <= 200),
    language text CHECK (length(language) <= 35),
    time_zone text CHECK (length(time_zone) <= 64),
    company text CHECK (length(company) <= 200),
    -- Grows with every change by people: the etag.
    edit_version bigint NOT NULL DEFAULT 1,
    -- What follows from the merged set as a whole, kept for those that stand for themselves: lists walk it.
    name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    name_corrected boolean NOT NULL DEFAULT false,
    -- U+FFFF sorts after everything: who has no name comes last.
    sort_name text COLLATE "und-x-icu" NOT NULL DEFAULT U&'\FFFF',
    channel_ids uuid[] NOT NULL DEFAULT '{}',
    first_contact_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES customer (tenant_id, id)
);
CREATE INDEX customer_by_name ON customer (tenant_id, sort_name, id) WHERE merged_into IS NULL;
CREATE INDEX customer_merged ON customer (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

-- What this service knows of conversation's contacts, conversations and messages, through its feed: idempotent,
-- ordered by (generation, version), rebuilt from zero at any time.
CREATE TABLE contact (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- The customer that was minted with it.
    customer_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    canonical_id uuid,
    display_name text NOT NULL,
    created_at timestamptz NOT NULL,
    identities jsonb NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
);
CREATE INDEX contact_of_customer ON contact (tenant_id, customer_id);
CREATE INDEX contact_aliases ON contact (tenant_id, canonical_id) WHERE canonical_id IS NOT NULL;

-- Verified ids of the business's own: what links customers over channels.
CREATE TABLE contact_external_id (
    tenant_id uuid NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, value, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_external_id_of_contact ON contact_external_id (tenant_id, contact_id);

-- Counts of one contact, kept by differences between the old and the new rows below. No foreign key: a conversation may
-- be heard of before its contact.
CREATE TABLE contact_totals (
    tenant_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    conversation_count bigint NOT NULL,
    message_count bigint NOT NULL,
    last_activity_at timestamptz,
    PRIMARY KEY (tenant_id, contact_id)
);

CREATE TABLE conversation (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- Null while only private notes of it were heard of: it counts for nobody yet.
    contact_id uuid,
    created_at timestamptz,
    last_activity_at timestamptz,
    last_position bigint NOT NULL DEFAULT 0,
    -- Rows of private_note: messages are last_position less these.
    note_count bigint NOT NULL DEFAULT 0,
    generation bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id),
    CHECK ((contact_id IS NULL) = (last_activity_at IS NULL) AND (contact_id IS NULL) = (created_at IS NULL))
);
CREATE INDEX conversation_of_contact ON conversation (tenant_id, contact_id, last_activity_at DESC);

-- The positions of private notes: the only messages of which anything is kept here.
CREATE TABLE private_note (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, position)
);

CREATE TABLE tag (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    -- The name without case: what names are compared by, and begin with.
    key text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key)
);

-- How many tags a tenant has: a limit is checked without a count.
CREATE TABLE tenant_totals (
    tenant_id uuid PRIMARY KEY,
    tags integer NOT NULL DEFAULT 0 CHECK (tags >= 0)
);

CREATE TABLE customer_tag (
    tenant_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    -- False: a tag of a merged customer was taken off the survivor. The newest row of a merged set decides.
    carried boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, tag_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id),
    FOREIGN KEY (tenant_id, tag_id) REFERENCES tag (tenant_id, id)
);

CREATE TABLE note (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    author_subject text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
);
CREATE INDEX note_of_customer ON note (tenant_id, customer_id, created_at DESC, id DESC);
