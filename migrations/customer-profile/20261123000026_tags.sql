-- Tags are described, coloured, merged, deleted and counted. Columns have defaults, so that the release before can write
-- beside this one; whoever it tags is counted with the next change of that customer's tags.

ALTER TABLE tag
    ADD COLUMN description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
    ADD COLUMN colour text NOT NULL DEFAULT '' CHECK (colour = '' OR colour ~ '^#[0-9a-f]{6}$'),
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- The tag that this one was merged into; always one that stands for itself, never a chain. Rows of customers keep the tag
    -- that was put on.
    ADD COLUMN merged_into uuid CHECK (merged_into <> id),
    -- Nobody carries it any more, whatever rows say; `cleared` once these are gone too.
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN cleared boolean NOT NULL DEFAULT false,
    -- By which rule `key` was made: 0 that of the release before, 1 full case folding.
    ADD COLUMN key_rule smallint NOT NULL DEFAULT 0,
    ADD FOREIGN KEY (tenant_id, merged_into) REFERENCES tag (tenant_id, id);
CREATE INDEX tag_merged ON tag (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX tag_to_clear ON tag (tenant_id, id) WHERE deleted_at IS NOT NULL AND NOT cleared;
CREATE INDEX tag_to_fold ON tag (tenant_id, id) WHERE key_rule = 0;

-- The tags that a customer is counted for: what counts change by when its tags change. Kept for those that stand for
-- themselves; as put on, not as merged.
ALTER TABLE customer ADD COLUMN counted_tags uuid[] NOT NULL DEFAULT '{}';

-- How many customers carry a tag that stands for itself.
CREATE TABLE tag_count (
    tenant_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    customers bigint NOT NULL CHECK (customers >= 0),
    -- False: those who carry two tags that became one were not counted; there are at least so many.
    exact boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, tag_id),
    FOREIGN KEY (tenant_id, tag_id) REFERENCES tag (tenant_id, id)
);

UPDATE customer c SET counted_tags = s.tags
FROM (
    SELECT tenant_id, root_id, array_agg(tag_id ORDER BY tag_id) AS tags
    FROM (
        SELECT DISTINCT ON (t.tenant_id, coalesce(m.merged_into, m.id), t.tag_id)
               t.tenant_id, coalesce(m.merged_into, m.id) AS root_id, t.tag_id, t.carried
        FROM customer_tag t JOIN customer m ON m.tenant_id = t.tenant_id AND m.id = t.customer_id
        ORDER BY 1, 2, 3, t.changed_at DESC, t.carried DESC) AS newest
    WHERE carried GROUP BY tenant_id, root_id
) AS s
WHERE c.tenant_id = s.tenant_id AND c.id = s.root_id;

INSERT INTO tag_count (tenant_id, tag_id, customers)
SELECT t.tenant_id, t.id, coalesce(n.customers, 0)
FROM tag t LEFT JOIN (
    SELECT c.tenant_id, tag_id, count(*) AS customers
    FROM customer c CROSS JOIN LATERAL unnest(c.counted_tags) AS tag_id GROUP BY 1, 2
) AS n ON n.tenant_id = t.tenant_id AND n.tag_id = t.id;
