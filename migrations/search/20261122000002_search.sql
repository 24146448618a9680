-- Which index of the engine serves each name, which one is being built beside it, and who writes (design section 6).
-- Indexes belong to the whole suite, not to a tenant: so there is no tenant_id in the key, as in feed_cursor.
CREATE TABLE search_index (
    name text PRIMARY KEY CHECK (name IN ('messages', 'customers')),
    -- Searches read this one.
    uid text NOT NULL,
    -- The version of the documents in it; the code names the one that it wants.
    shape integer NOT NULL,
    -- The settings that it was last given, as JSON.
    settings text NOT NULL,
    -- The feed's generation that it was built from.
    generation bigint NOT NULL,
    -- Set while a rebuild fills a fresh index beside the live one.
    building_uid text,
    building_generation bigint,
    -- Replaced, and deleted once nobody can be searching it any more.
    retired_uid text,
    retired_at timestamptz,
    -- The process that writes, and until when a write that it began may still reach the engine. Null after a clean end.
    writer uuid,
    writing_until timestamptz,
    CHECK ((building_uid IS NULL) = (building_generation IS NULL)),
    CHECK ((retired_uid IS NULL) = (retired_at IS NULL))
);

-- Documents that the engine refused: set aside, so that one of them does not hold up all that come after.
CREATE TABLE poison (
    tenant_id uuid NOT NULL,
    index_name text NOT NULL CHECK (index_name IN ('messages', 'customers')),
    document_id text NOT NULL CHECK (length(document_id) <= 128),
    -- The engine's error code, never the document.
    reason text NOT NULL CHECK (length(reason) <= 200),
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, index_name, document_id)
);
