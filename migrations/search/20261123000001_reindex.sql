-- Who operates asks for an index to be built anew (`tandem reindex`); how far that is.
ALTER TABLE search_index
    -- Taken back when a rebuild begins.
    ADD COLUMN rebuild_wanted boolean NOT NULL DEFAULT false,
    -- Documents that the rebuild has written, and that the live index held when it began.
    ADD COLUMN rebuilt bigint NOT NULL DEFAULT 0,
    ADD COLUMN rebuild_of bigint NOT NULL DEFAULT 0;
