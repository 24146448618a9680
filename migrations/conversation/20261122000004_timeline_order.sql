-- Entries of one conversation in the order in which they were committed: they are written under its lock, while ids of
-- one millisecond, or of two machines' clocks, are in no order.
ALTER TABLE timeline ADD COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX timeline_order ON timeline (tenant_id, conversation_id, number);
