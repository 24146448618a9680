-- What imports say of customers.

-- Each a record of a file, by the id that the business has for the person: what makes an import idempotent.
CREATE TABLE import_record (
    tenant_id uuid NOT NULL,
    external_id text COLLATE "C" NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    -- The customer that was made for it; a merge leaves it there.
    customer_id uuid NOT NULL,
    -- By field, a hash of what the last import said: what people said since is known by its difference.
    said jsonb NOT NULL CHECK (jsonb_typeof(said) = 'object'),
    by_subject text NOT NULL,
    imported_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, external_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
);
CREATE INDEX import_record_of_customer ON import_record (tenant_id, customer_id);

-- Addresses that imports gave; those of contacts are in `contact_address`.
CREATE TABLE customer_address (
    tenant_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    -- The number of the identity's kind: 3 phone, 5 e-mail.
    kind smallint NOT NULL CHECK (kind IN (3, 5)),
    key text COLLATE "C" NOT NULL CHECK (length(key) <= 256),
    sent text NOT NULL CHECK (length(sent) <= 256),
    PRIMARY KEY (tenant_id, customer_id, kind, key),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id)
);
CREATE INDEX customer_address_key ON customer_address (tenant_id, kind, key, customer_id);

-- The ids of records whose customers were erased, as hashes under the tenant's own key: they bring nothing back.
CREATE TABLE import_key (
    tenant_id uuid PRIMARY KEY,
    key uuid NOT NULL
);
CREATE TABLE import_tombstone (
    tenant_id uuid NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, hash)
);
