-- The orders of lists (promise 9). A branch of a list is an equality on one of: status, holder kind, holder, channel; each
-- order has an index behind each equality that the standard lists use, and a list without one merges the four statuses.

-- Keys that sort: those that do not wait come after those that do, and urgent before low.
ALTER TABLE conversation
    ADD COLUMN waits_since timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(waiting_since, 'infinity')) STORED,
    ADD COLUMN urgency smallint NOT NULL GENERATED ALWAYS AS (-priority) STORED,
    -- When its contact first wrote or was first written to.
    ADD COLUMN contact_since timestamptz;
UPDATE conversation c SET contact_since = k.created_at FROM contact k WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id;
ALTER TABLE conversation ALTER COLUMN contact_since SET NOT NULL;

-- Highest priority, then longest waiting; longest waiting alone merges the four priorities.
CREATE INDEX conversation_waiting_by_status ON conversation (tenant_id, status, urgency, waits_since, id);
CREATE INDEX conversation_waiting_by_holder_kind ON conversation (tenant_id, holder_kind, urgency, waits_since, id);
CREATE INDEX conversation_waiting_by_holder ON conversation (tenant_id, holder_id, urgency, waits_since, id)
    WHERE holder_id IS NOT NULL;

-- Newest first contact.
CREATE INDEX conversation_first_contact_by_status ON conversation (tenant_id, status, contact_since DESC, id DESC);
CREATE INDEX conversation_first_contact_by_holder_kind
    ON conversation (tenant_id, holder_kind, contact_since DESC, id DESC);
CREATE INDEX conversation_first_contact_by_holder ON conversation (tenant_id, holder_id, contact_since DESC, id DESC)
    WHERE holder_id IS NOT NULL;

-- Customers A–Z, those without a name at the end. Conversation writes a row of generation 0 with a new contact, so that A–Z
-- shows what customer-profile has not told of yet.
CREATE INDEX customer_by_name ON customer (tenant_id, (name = ''), name COLLATE "und-x-icu", id);
CREATE INDEX contact_of_customer ON contact (tenant_id, customer_id);
CREATE INDEX customer_merged ON customer (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
INSERT INTO customer (tenant_id, id, name, tag_ids, generation, version)
    SELECT DISTINCT ON (tenant_id, customer_id) tenant_id, customer_id, display_name, '{}', 0, 0
    FROM contact ORDER BY tenant_id, customer_id, id
    ON CONFLICT DO NOTHING;

-- Unread: what is above the watermark.
CREATE INDEX conversation_by_customer_activity ON conversation (tenant_id, activity_number);
-- Read above the watermark, oldest first: what compaction folds into it.
CREATE INDEX read_exception_above ON read_exception (tenant_id, agent_id, number) WHERE NOT unread;
CREATE INDEX read_exception_unread ON read_exception (tenant_id, agent_id, conversation_id) WHERE unread;
-- Exceptions written since the last compaction.
ALTER TABLE read_watermark ADD COLUMN written integer NOT NULL DEFAULT 0;

-- Numbers of customer activity up to which every transaction has ended: a watermark goes no further. A number is taken by a
-- transaction that has written before, so when every transaction that ran at `pending_number` has ended, no number below
-- it can still appear.
CREATE TABLE activity_floor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL DEFAULT 0,
    pending_number bigint NOT NULL DEFAULT 0,
    pending_xid xid8 NOT NULL DEFAULT '0'
);
INSERT INTO activity_floor DEFAULT VALUES;

-- Silent conversations, channel by channel: a channel that closes none costs its tick nothing.
DROP INDEX conversation_silent;
CREATE INDEX conversation_silent ON conversation (tenant_id, channel_id, last_activity_at) WHERE status <> 4;
CREATE INDEX channel_closes_for_silence ON channel (tenant_id, id) WHERE close_after_silence_s IS NOT NULL;

-- What falls due without a write, for live lists of what is overdue.
CREATE INDEX conversation_due ON conversation (tenant_id, due_at) WHERE due_at IS NOT NULL;
