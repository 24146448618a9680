-- The last message to a customer whose silence closes the conversation; empty for none.
ALTER TABLE channel ADD COLUMN close_message text NOT NULL DEFAULT '' CHECK (length(close_message) <= 1024);
