-- Agents, teams, reservations, notifications, and what this service knows of conversations (design sections 3 and 8).
-- Enums are the numbers of the proto enums.

CREATE TABLE agent (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    email text NOT NULL DEFAULT '' CHECK (length(email) <= 254),
    -- What is compared; null without an e-mail address.
    email_folded text,
    state smallint NOT NULL CHECK (state IN (1, 2)),
    capacity integer NOT NULL CHECK (capacity BETWEEN 0 AND 1000),
    languages text[] NOT NULL CHECK (cardinality(languages) <= 20),
    skills jsonb NOT NULL CHECK (jsonb_array_length(skills) <= 50),
    time_zone text NOT NULL CHECK (length(time_zone) <= 64),
    created_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_subject UNIQUE (tenant_id, subject),
    CONSTRAINT agent_email UNIQUE (tenant_id, email_folded),
    CHECK ((email = '') = (email_folded IS NULL))
);

CREATE TABLE team (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    name_folded text NOT NULL,
    lead_agent_id uuid,
    all_channels boolean NOT NULL,
    -- Not checked against the channels that are known here: a team may be made right after its channel.
    channel_ids uuid[] NOT NULL CHECK (cardinality(channel_ids) <= 500),
    fallback_team_id uuid CHECK (fallback_team_id <> id),
    created_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_name UNIQUE (tenant_id, name_folded),
    CONSTRAINT team_lead FOREIGN KEY (tenant_id, lead_agent_id) REFERENCES agent (tenant_id, id),
    CONSTRAINT team_fallback FOREIGN KEY (tenant_id, fallback_team_id) REFERENCES team (tenant_id, id)
);

CREATE TABLE team_member (
    tenant_id uuid NOT NULL,
    team_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, team_id, agent_id),
    FOREIGN KEY (tenant_id, team_id) REFERENCES team (tenant_id, id),
    CONSTRAINT team_member_agent FOREIGN KEY (tenant_id, agent_id) REFERENCES agent (tenant_id, id)
);
CREATE INDEX team_member_of_agent ON team_member (tenant_id, agent_id);

-- One change of holder that this service asked conversation for, from before the call until conversation's state shows it.
CREATE TABLE reservation (
    tenant_id uuid NOT NULL,
    -- Also the transfer's request id at conversation, where all four methods share one scope: so does this key.
    request_id uuid NOT NULL,
    scope text NOT NULL CHECK (length(scope) <= 100),
    body_hash bytea NOT NULL CHECK (length(body_hash) = 32),
    conversation_id uuid NOT NULL,
    -- Whose capacity it takes; null for a team, the AI and nobody.
    agent_id uuid,
    -- 1 pending: the outcome is not known. 2 landed: conversation has committed it. 3 settled: conversation's state shows
    -- it, so it no longer counts. 4 released: refused.
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- Which call of it was the last: an older one must not release what a newer one may land.
    attempt integer NOT NULL DEFAULT 1,
    attempted_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    -- The epoch that the transfer began, once it has landed.
    epoch bigint,
    -- What to send (again), encoded; gone with the first answer or a refusal.
    transfer bytea,
    -- Conversation's first answer, encoded.
    answer bytea,
    PRIMARY KEY (tenant_id, request_id),
    CHECK (state NOT IN (2, 3) OR epoch IS NOT NULL),
    CHECK (state = 4 OR transfer IS NOT NULL OR answer IS NOT NULL)
);
CREATE INDEX reservation_of_agent ON reservation (tenant_id, agent_id) WHERE state IN (1, 2) AND agent_id IS NOT NULL;
CREATE INDEX reservation_landed ON reservation (tenant_id, conversation_id) WHERE state = 2;
CREATE INDEX reservation_pending_age ON reservation (attempted_at) WHERE state = 1;
CREATE INDEX reservation_landed_age ON reservation (attempted_at) WHERE state = 2;
CREATE INDEX reservation_age ON reservation (created_at);

-- The number of an agent's newest notification. Its row's lock orders the commits of everything that tells one agent
-- something, so whoever reads on after a number misses nothing.
CREATE TABLE notification_head (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (tenant_id, agent_id)
);

CREATE TABLE notification (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    number bigint NOT NULL,
    id uuid NOT NULL,
    -- The timeline entry that it was made from: once for each agent, however often the feed replays.
    entry_id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 8),
    conversation_id uuid NOT NULL,
    note text NOT NULL CHECK (length(note) <= 4000),
    actor_kind smallint NOT NULL CHECK (actor_kind BETWEEN 1 AND 5),
    actor_id uuid,
    epoch bigint NOT NULL,
    at timestamptz NOT NULL,
    read_at timestamptz,
    PRIMARY KEY (tenant_id, agent_id, number),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, entry_id, agent_id)
);
CREATE INDEX notification_unread ON notification (tenant_id, agent_id) WHERE read_at IS NULL;
CREATE INDEX notification_age ON notification (at);

-- What this service knows of others, through the feed: idempotent, versioned, rebuilt from zero at any time.

CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    suspended boolean NOT NULL,
    generation bigint NOT NULL
);
CREATE INDEX tenant_suspended ON tenant (id) WHERE suspended;

CREATE TABLE channel (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    default_team_id uuid,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE conversation (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    status smallint NOT NULL CHECK (status BETWEEN 1 AND 4),
    holder_kind smallint NOT NULL CHECK (holder_kind BETWEEN 1 AND 4),
    holder_id uuid,
    epoch bigint NOT NULL,
    generation bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
-- What an agent holds: counted up to a bound, never by a scan of everything.
CREATE INDEX conversation_held ON conversation (tenant_id, holder_id, id) WHERE holder_kind = 2 AND status <> 4;

-- Changes of holder, from the timeline: the history of who held what.
CREATE TABLE holder_change (
    tenant_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    at_position bigint NOT NULL,
    at timestamptz NOT NULL,
    actor_kind smallint NOT NULL CHECK (actor_kind BETWEEN 1 AND 5),
    actor_id uuid,
    cause smallint NOT NULL CHECK (cause BETWEEN 1 AND 11),
    from_kind smallint NOT NULL CHECK (from_kind BETWEEN 0 AND 4),
    from_id uuid,
    to_kind smallint NOT NULL CHECK (to_kind BETWEEN 1 AND 4),
    to_id uuid,
    epoch bigint NOT NULL,
    note text NOT NULL,
    hand_off_reason smallint NOT NULL CHECK (hand_off_reason BETWEEN 0 AND 7),
    hand_off_summary text NOT NULL,
    request_id uuid,
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id, entry_id)
);
CREATE INDEX holder_change_history ON holder_change (tenant_id, conversation_id, epoch, entry_id);
