-- The life of a conversation: snoozing, labels with counts and merges, phrases that ask for a person, response goals.

-- A snoozed conversation always wakes. Not valid first, then validated: no long lock on a big table.
ALTER TABLE conversation ADD CONSTRAINT conversation_snoozed_wakes CHECK (status <> 3 OR snoozed_until IS NOT NULL) NOT VALID;
ALTER TABLE conversation VALIDATE CONSTRAINT conversation_snoozed_wakes;
-- Timers: what wakes next.
CREATE INDEX conversation_wakes ON conversation (snoozed_until) WHERE status = 3;
-- The conversations of a label. Its ids are unique over tenants; GIN has no operators for the tenant's plain uuid. Those
-- without labels stay out: most are, and every write of theirs would write here too.
CREATE INDEX conversation_labels ON conversation USING gin (label_ids) WHERE label_ids <> '{}';

ALTER TABLE label
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- The label that this one became; never a chain.
    ADD COLUMN merged_into uuid,
    ADD CONSTRAINT label_merged_into FOREIGN KEY (tenant_id, merged_into) REFERENCES label (tenant_id, id),
    ADD CONSTRAINT label_not_into_itself CHECK (merged_into <> id);
CREATE INDEX label_merged ON label (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

-- How many conversations carry a label: kept by the transactions that put labels on and take them off, apart from the
-- label, so that these hold its row in shared locks only.
CREATE TABLE label_count (
    tenant_id uuid NOT NULL,
    label_id uuid NOT NULL,
    conversations bigint NOT NULL CHECK (conversations >= 0),
    -- False after a merge of two labels so common that the conversations with both were not counted: then at least so many.
    exact boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, label_id),
    FOREIGN KEY (tenant_id, label_id) REFERENCES label (tenant_id, id)
);
INSERT INTO label_count (tenant_id, label_id, conversations)
SELECT l.tenant_id, l.id, count(c.id) FROM label l
LEFT JOIN conversation c ON c.tenant_id = l.tenant_id AND c.label_ids @> ARRAY[l.id] GROUP BY l.tenant_id, l.id;

-- The words by which a tenant's customers ask for a person.
CREATE TABLE attention_phrases (
    tenant_id uuid PRIMARY KEY REFERENCES tenant (id),
    phrases text[] NOT NULL CHECK (cardinality(phrases) <= 200),
    version bigint NOT NULL
);

-- By when a tenant's customers shall have an answer; without a row the defaults hold.
CREATE TABLE response_goals (
    tenant_id uuid PRIMARY KEY REFERENCES tenant (id),
    time_zone text NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    -- Targets by priority and opening hours, as the domain writes them.
    goals jsonb NOT NULL CHECK (pg_column_size(goals) <= 16384),
    version bigint NOT NULL
);
