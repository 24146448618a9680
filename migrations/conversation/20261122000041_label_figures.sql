-- What customers write about, by day (of UTC), channel and label or customer tag.

CREATE TABLE label_figure (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    -- LabelFigureKind: a label, a customer's tag.
    kind smallint NOT NULL CHECK (kind IN (1, 2)),
    day date NOT NULL,
    channel_id uuid NOT NULL,
    -- The label's id as it was put on, merged since or not, or the tag's.
    label_id uuid NOT NULL,
    conversations bigint NOT NULL,
    PRIMARY KEY (tenant_id, kind, day, channel_id, label_id)
);

-- What is not folded into the figures yet: writers only append here. A counter that they added to would be one row for a
-- channel's commonest label of today, and every writer would wait for the commit of the one before it, ingest among them.
-- Timers fold it, so it stays as short as what a tick's time brings; whoever reads adds both up in one statement.
CREATE TABLE label_figure_change (
    tenant_id uuid NOT NULL,
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind smallint NOT NULL CHECK (kind IN (1, 2)),
    day date NOT NULL,
    channel_id uuid NOT NULL,
    label_id uuid NOT NULL,
    -- By how many conversations: below zero for labels that were taken off on their day.
    conversations bigint NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
CREATE INDEX label_figure_change_by_day ON label_figure_change (tenant_id, kind, day);
