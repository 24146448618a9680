-- Customers whom no contact is left of are found by everybody: with those of a few channels they are what an agent with a
-- narrow scope finds, looked up and sorted where they are few.
CREATE INDEX customer_bare ON customer (tenant_id, id) WHERE merged_into IS NULL AND channel_ids = '{}';
