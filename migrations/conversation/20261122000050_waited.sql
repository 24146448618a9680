-- How long customers waited for replies: on each reply that ended a wait, or was the first since the conversation started or
-- was reopened. It never changes, so figures can be made of it, and made again.
ALTER TABLE message
    ADD COLUMN waited_since timestamptz,
    ADD COLUMN first_response boolean NOT NULL DEFAULT false;
