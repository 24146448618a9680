-- What was erased, with its person or by age: rows stay, so that keys, counts and figures hold, without a word of it.
ALTER TABLE contact ADD COLUMN erased_at timestamptz;
-- `erasing`: messages or timeline are still to be emptied, by whichever process has time.
ALTER TABLE conversation ADD COLUMN erased_at timestamptz, ADD COLUMN erasing boolean NOT NULL DEFAULT false;
CREATE INDEX conversation_erasing ON conversation (tenant_id, contact_id, id) WHERE erasing;
-- What retention looks for. A conversation enters it once, when it closes.
CREATE INDEX conversation_closed ON conversation (tenant_id, closed_at) WHERE status = 4 AND erased_at IS NULL;

-- Addresses of the erased, as hashes under the tenant's own key: what was sent from one before is not stored.
CREATE TABLE tombstone (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    key bytea NOT NULL CHECK (length(key) = 16),
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

-- How long closed conversations are kept; no row keeps them for good.
CREATE TABLE retention (
    tenant_id uuid PRIMARY KEY REFERENCES tenant (id),
    closed_days integer NOT NULL CHECK (closed_days BETWEEN 1 AND 36500)
);

CREATE INDEX early_event_author ON early_event (tenant_id, (event #>> '{author,id}'));
CREATE INDEX identity_change_new ON identity_change (tenant_id, channel_id, kind, new_value);
