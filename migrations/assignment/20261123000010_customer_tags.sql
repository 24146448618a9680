-- Tags of customers that became others: rules that name either mean both. Rows are few: a tag that is not here stands for
-- itself.
CREATE TABLE tag (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    merged_into uuid,
    deleted boolean NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX tag_merged ON tag (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
