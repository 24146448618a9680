-- Whom a note ever called, and when first: an edit years later calls nobody again.
ALTER TABLE note
    ADD COLUMN called_agent_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN called_at timestamptz[] NOT NULL DEFAULT '{}',
    ADD CHECK (cardinality(called_agent_ids) = cardinality(called_at));
UPDATE note SET called_agent_ids = mention_agent_ids,
    called_at = ARRAY (SELECT created_at FROM unnest(mention_agent_ids))
WHERE mention_agent_ids <> '{}';
