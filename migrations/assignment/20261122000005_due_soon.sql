-- When agents are told that an answer will be overdue soon, and which of these times was told.
ALTER TABLE conversation ADD COLUMN soon_at timestamptz, ADD COLUMN soon_told timestamptz;
CREATE INDEX conversation_soon ON conversation (soon_at) WHERE soon_at IS NOT NULL AND soon_told IS DISTINCT FROM soon_at;
