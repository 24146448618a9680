-- Tags of customers that became others or were deleted, as customer-profile tells of them: filters and views that name one
-- mean what it became. A tag that is not here stands for itself.
CREATE TABLE customer_tag (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    merged_into uuid,
    deleted boolean NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX customer_tag_merged ON customer_tag (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
