-- Notes are edited, deleted, pinned, and call agents.

ALTER TABLE note
    -- 2 the AI, 3 people: the numbers of ActorKind.
    ADD COLUMN author_kind smallint NOT NULL DEFAULT 3 CHECK (author_kind IN (2, 3)),
    ADD COLUMN mention_agent_ids uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(mention_agent_ids) <= 20),
    ADD COLUMN pinned_at timestamptz,
    ADD COLUMN edited_at timestamptz,
    ADD COLUMN edited_by text,
    -- Grows with every edit: the etag.
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD CHECK ((edited_at IS NULL) = (edited_by IS NULL));
CREATE INDEX note_pinned ON note (tenant_id, customer_id, created_at DESC, id DESC) WHERE pinned_at IS NOT NULL;

-- What notes said until they were edited or deleted. The row of a deleted note is gone: the release before shows no text that
-- people deleted. So there is no key to it here.
CREATE TABLE note_revision (
    tenant_id uuid NOT NULL,
    note_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number >= 1),
    customer_id uuid NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    written_by text NOT NULL,
    written_at timestamptz NOT NULL,
    ended_by text NOT NULL,
    ended_at timestamptz NOT NULL,
    -- The note was deleted then; of a deleted note every revision says so.
    of_deleted boolean NOT NULL DEFAULT false,
    -- This is what it said when it was deleted.
    is_last boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, note_id, number),
    -- A customer whom nobody ever touched and no contact is left of goes, also where the release before takes it away.
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX note_revision_of_customer ON note_revision (tenant_id, customer_id, ended_at DESC, note_id DESC, number DESC);
