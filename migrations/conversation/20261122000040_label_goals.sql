-- Labels have response goals too: a live conversation that carries one is owed an update from time to time. `due_at` is the
-- earliest of what is due.
ALTER TABLE conversation
    -- When an answer to a customer who waits is due.
    ADD COLUMN answer_due_at timestamptz,
    -- From when the next update is counted; null while no label asks for one.
    ADD COLUMN update_since timestamptz;
UPDATE conversation SET answer_due_at = due_at WHERE due_at IS NOT NULL;

-- Tenants whose live, labelled conversations are to be told anew what is due, since goals or labels changed, and how far
-- that has come.
CREATE TABLE due_anew (
    tenant_id uuid PRIMARY KEY REFERENCES tenant (id),
    after_id uuid NOT NULL
);
-- What is walked for it.
CREATE INDEX conversation_labelled ON conversation (tenant_id, id) WHERE status <> 4 AND label_ids <> '{}';

-- The default has a goal for one label.
INSERT INTO due_anew (tenant_id, after_id)
    SELECT tenant_id, '00000000-0000-0000-0000-000000000000' FROM label WHERE folded = 'complex';
