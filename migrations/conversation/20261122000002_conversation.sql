-- Tenants, channels, contacts, conversations and their messages (design sections 3, 4 and 8).
-- Enums are the numbers of the proto enums.

CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state smallint NOT NULL CHECK (state IN (1, 2)),
    -- Keys the hashes of external ids; never rotated.
    dedup_key bytea NOT NULL CHECK (length(dedup_key) = 32),
    created_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1
);

CREATE TABLE channel (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind IN (1, 2)),
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    state smallint NOT NULL CHECK (state IN (1, 2)),
    max_text_length integer NOT NULL CHECK (max_text_length BETWEEN 1 AND 16384),
    -- Seconds; null is for ever.
    reply_window_s bigint CHECK (reply_window_s > 0),
    templates boolean NOT NULL,
    receipts boolean NOT NULL,
    edits boolean NOT NULL,
    ai_enabled boolean NOT NULL,
    ai_answer_s bigint CHECK (ai_answer_s > 0),
    reopen smallint NOT NULL CHECK (reopen IN (1, 2, 3)),
    reopen_window_s bigint NOT NULL DEFAULT 0 CHECK (reopen_window_s >= 0),
    close_after_silence_s bigint CHECK (close_after_silence_s > 0),
    default_team_id uuid,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE contact (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    -- The contact that this one turned out to be; never a chain.
    canonical_id uuid,
    is_canonical boolean NOT NULL GENERATED ALWAYS AS (canonical_id IS NULL) STORED,
    customer_id uuid NOT NULL,
    display_name text NOT NULL CHECK (length(display_name) <= 200),
    created_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, id, is_canonical),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channel (tenant_id, id),
    FOREIGN KEY (tenant_id, canonical_id) REFERENCES contact (tenant_id, id)
);
CREATE INDEX contact_aliases ON contact (tenant_id, canonical_id) WHERE canonical_id IS NOT NULL;

-- Verified addresses: each belongs to one contact of its channel, and a contact has one of each kind.
CREATE TABLE contact_identity (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    value text NOT NULL CHECK (length(value) BETWEEN 1 AND 256),
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, kind, value),
    CONSTRAINT contact_identity_one_of_a_kind UNIQUE (tenant_id, contact_id, kind) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);

-- Claimed addresses: shown, never resolved by.
CREATE TABLE claimed_identity (
    tenant_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    value text NOT NULL CHECK (length(value) BETWEEN 1 AND 256),
    PRIMARY KEY (tenant_id, contact_id, kind, value),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);

-- Customer activity takes numbers from here; an agent's unread is a watermark over them.
CREATE SEQUENCE customer_activity;

CREATE TABLE conversation (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    status smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    -- True while live, else null: with the foreign key below a conversation is live on a canonical contact only.
    live_marker boolean GENERATED ALWAYS AS (CASE WHEN status <> 4 THEN true END) STORED,
    holder_kind smallint NOT NULL CHECK (holder_kind BETWEEN 1 AND 4),
    holder_id uuid,
    epoch bigint NOT NULL CHECK (epoch >= 1),
    holder_since timestamptz NOT NULL,
    last_position bigint NOT NULL DEFAULT 0,
    last_customer_position bigint NOT NULL DEFAULT 0,
    answered_position bigint NOT NULL DEFAULT 0,
    -- The number of the last customer activity; 0 for none.
    activity_number bigint NOT NULL DEFAULT 0,
    last_customer_at timestamptz,
    last_reply_source_at timestamptz,
    priority smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 4),
    label_ids uuid[] NOT NULL DEFAULT '{}',
    needs_attention smallint NOT NULL DEFAULT 0 CHECK (needs_attention BETWEEN 0 AND 4),
    hand_off_reason smallint NOT NULL DEFAULT 0 CHECK (hand_off_reason BETWEEN 0 AND 7),
    hand_off_summary text NOT NULL DEFAULT '' CHECK (length(hand_off_summary) <= 4000),
    answered_by smallint NOT NULL DEFAULT 0 CHECK (answered_by BETWEEN 0 AND 5),
    waiting_since timestamptz,
    last_activity_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    snoozed_until timestamptz,
    due_at timestamptz,
    predecessor_id uuid,
    successor_id uuid,
    reopen_count integer NOT NULL DEFAULT 0,
    preview text NOT NULL DEFAULT '' CHECK (length(preview) <= 200),
    preview_author smallint NOT NULL DEFAULT 0 CHECK (preview_author BETWEEN 0 AND 5),
    -- The AI worker that answers now.
    ai_lease uuid,
    ai_lease_until timestamptz,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    CHECK ((holder_kind IN (2, 3)) = (holder_id IS NOT NULL)),
    CHECK ((status = 4) = (closed_at IS NOT NULL)),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channel (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT conversation_live_on_canonical FOREIGN KEY (tenant_id, contact_id, live_marker)
        REFERENCES contact (tenant_id, id, is_canonical)
);
-- Promise 3: one live conversation for each contact.
CREATE UNIQUE INDEX conversation_one_live ON conversation (tenant_id, contact_id) WHERE status <> 4;
CREATE INDEX conversation_of_contact ON conversation (tenant_id, contact_id, id DESC);
-- The orders that lists walk: newest activity first, with what is filtered most in front.
CREATE INDEX conversation_by_activity ON conversation (tenant_id, last_activity_at DESC, id DESC);
CREATE INDEX conversation_by_status ON conversation (tenant_id, status, last_activity_at DESC, id DESC);
CREATE INDEX conversation_by_holder_kind ON conversation (tenant_id, holder_kind, last_activity_at DESC, id DESC);
CREATE INDEX conversation_by_holder ON conversation (tenant_id, holder_id, last_activity_at DESC, id DESC)
    WHERE holder_id IS NOT NULL;
CREATE INDEX conversation_by_channel ON conversation (tenant_id, channel_id, last_activity_at DESC, id DESC);
-- What the AI holds and has not answered.
CREATE INDEX conversation_ai_work ON conversation (tenant_id, waiting_since, id)
    WHERE holder_kind = 1 AND waiting_since IS NOT NULL AND status <> 4;
-- What the AI holds on each channel: for its time to answer, and for the moment that it is switched off.
CREATE INDEX conversation_held_by_ai ON conversation (tenant_id, channel_id, waiting_since)
    WHERE holder_kind = 1 AND status <> 4;
CREATE INDEX conversation_silent ON conversation (last_activity_at) WHERE status <> 4;

CREATE TABLE message (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    id uuid NOT NULL,
    author_kind smallint NOT NULL CHECK (author_kind BETWEEN 1 AND 5),
    author_id uuid,
    private boolean NOT NULL DEFAULT false,
    -- Null after a deletion or an erasure.
    content jsonb CHECK (pg_column_size(content) <= 131072),
    reactions jsonb NOT NULL DEFAULT '[]',
    source_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted_at timestamptz,
    epoch bigint NOT NULL,
    answers_position bigint NOT NULL DEFAULT 0,
    reply_to_position bigint NOT NULL DEFAULT 0,
    reply_to_external_id text NOT NULL DEFAULT '' CHECK (length(reply_to_external_id) <= 512),
    forwarded boolean NOT NULL DEFAULT false,
    external_id text NOT NULL DEFAULT '' CHECK (length(external_id) <= 512),
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, conversation_id, position),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id)
);

-- Promise 2: each external id of a channel once, for good; outlives the message.
CREATE TABLE dedup (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    key bytea NOT NULL CHECK (length(key) = 16),
    message_id uuid,
    conversation_id uuid,
    position bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, channel_id, key)
);

-- Edits, deletions and reactions that came before their target: bounded in number by ingest and in age by the tick.
CREATE TABLE early_event (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    target_key bytea NOT NULL CHECK (length(target_key) = 16),
    id uuid NOT NULL,
    event jsonb NOT NULL CHECK (pg_column_size(event) <= 131072),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, target_key, id)
);
CREATE INDEX early_event_age ON early_event (created_at);

-- Replies on their way out, and afterwards what became of them. States are the numbers of DeliveryState.
CREATE TABLE outbound (
    tenant_id uuid NOT NULL,
    message_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    position bigint NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 9),
    -- Withdrawn when people take over; false for a last message that a change of holder carried.
    withdrawable boolean NOT NULL,
    -- While true, nothing later of the conversation leaves.
    blocks boolean NOT NULL DEFAULT true,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    lease uuid,
    -- End of the lease, then of the send, then of the wait for a reconciliation.
    lease_until timestamptz,
    provider_id text CHECK (length(provider_id) BETWEEN 1 AND 512),
    failure text NOT NULL DEFAULT '' CHECK (length(failure) <= 500),
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, message_id),
    FOREIGN KEY (tenant_id, conversation_id, position) REFERENCES message (tenant_id, conversation_id, position)
);
CREATE INDEX outbound_queue ON outbound (tenant_id, channel_id, due_at, message_id) WHERE state IN (1, 2);
CREATE INDEX outbound_blocking ON outbound (tenant_id, conversation_id, position) WHERE blocks;
CREATE INDEX outbound_leases ON outbound (lease_until) WHERE state = 3 OR (state = 8 AND blocks);
CREATE UNIQUE INDEX outbound_provider ON outbound (tenant_id, channel_id, provider_id) WHERE provider_id IS NOT NULL;

-- What happened: append-only.
CREATE TABLE timeline (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    id uuid NOT NULL,
    at_position bigint NOT NULL,
    at timestamptz NOT NULL,
    actor_kind smallint NOT NULL CHECK (actor_kind BETWEEN 1 AND 5),
    actor_id uuid,
    -- The epoch that a change of holder began; null for other entries.
    epoch bigint,
    event jsonb NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, id),
    UNIQUE (tenant_id, id),
    -- Promise 4: epoch n + 1 follows n, each once.
    UNIQUE (tenant_id, conversation_id, epoch),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id)
);

CREATE TABLE label (
    tenant_id uuid NOT NULL REFERENCES tenant (id),
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    -- Lowercased and normalised: what is compared.
    folded text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, folded)
);

-- Unread: a watermark over customer activity, with exceptions both ways (design section 8).
CREATE TABLE read_watermark (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (tenant_id, agent_id)
);
CREATE TABLE read_exception (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    -- Seen up to this number, which is above the watermark; or, with `unread`, not seen although below it.
    number bigint NOT NULL,
    unread boolean NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, conversation_id)
);
