-- When an answer is due, and which of these times was told: agents are told once that a conversation is overdue.
ALTER TABLE conversation ADD COLUMN due_at timestamptz, ADD COLUMN due_told timestamptz;
CREATE INDEX conversation_due ON conversation (due_at) WHERE due_at IS NOT NULL AND due_told IS DISTINCT FROM due_at;
