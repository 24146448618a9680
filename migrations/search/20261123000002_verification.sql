-- Who operates asks whether an index holds what the database of its entities holds (`tandem verify-index`); how far that is, and
-- what was found. The last one of each index is kept.
CREATE TABLE index_verification (
    name text PRIMARY KEY CHECK (name IN ('messages', 'customers')),
    -- Has the index built anew when something is wrong.
    repair boolean NOT NULL,
    ended boolean NOT NULL DEFAULT false,
    -- Where the walk over the snapshot of the feed goes on, and where the feed was when it began.
    page text NOT NULL DEFAULT '',
    begun_seq bigint,
    -- The tenant that is walked through: where the feed was when that began, and how many of its documents were there.
    tenant_id uuid,
    tenant_seq bigint NOT NULL DEFAULT 0,
    tenant_documents bigint NOT NULL DEFAULT 0,
    -- How many documents the index had when the walk began, and how many it should have as far as the walk has come.
    documents_of bigint NOT NULL DEFAULT 0,
    documents bigint NOT NULL DEFAULT 0,
    missing bigint NOT NULL DEFAULT 0,
    different bigint NOT NULL DEFAULT 0,
    surplus bigint NOT NULL DEFAULT 0,
    -- Missing, since the engine refused them.
    set_aside bigint NOT NULL DEFAULT 0,
    -- Changed so often that nothing can be said of them.
    unsettled bigint NOT NULL DEFAULT 0,
    -- Ids of some documents that are wrong.
    examples text[] NOT NULL DEFAULT '{}',
    -- The process that walks, and until when it does so without a word.
    walker uuid,
    walker_until timestamptz
);
