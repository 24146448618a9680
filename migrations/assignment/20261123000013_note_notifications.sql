-- Of notifications of notes about customers: the generation of the feed in which the note was last seen. A rebuild takes the text
-- of those out whose notes it does not see: they were deleted while nobody followed.
ALTER TABLE notification ADD COLUMN generation bigint NOT NULL DEFAULT 0;
