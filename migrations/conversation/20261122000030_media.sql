-- What adapters tell of a message's file after it came in, and when: the latest stands, in whatever order it comes.
ALTER TABLE message ADD COLUMN media jsonb;
