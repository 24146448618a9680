-- How far this service has applied the feeds of others (design section 5). Search tells nobody anything: it has no outbox.
CREATE TABLE feed_cursor (
    feed text PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    mark bigint NOT NULL DEFAULT 0,
    -- Grows with every rebuild; projection rows compare (generation, version).
    generation bigint NOT NULL DEFAULT 1,
    -- Set while a rebuild runs: where to go on, and where to follow from afterwards.
    rebuild_page text,
    rebuild_seq bigint,
    rebuild_mark bigint,
    lease uuid,
    lease_until timestamptz
);
