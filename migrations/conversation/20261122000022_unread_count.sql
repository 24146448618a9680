-- How many of a customer's messages an agent has not seen: each took a number of customer activity; 0 for what others wrote
-- and for what was stored before.
ALTER TABLE message ADD COLUMN activity_number bigint NOT NULL DEFAULT 0;
