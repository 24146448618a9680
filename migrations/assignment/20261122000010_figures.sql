-- What figures count: entries of the timeline and replies, each once however often the feed replays. Also what figures are made
-- of anew when what is known of conversations is rebuilt.
CREATE TABLE figure_fact (
    tenant_id uuid NOT NULL,
    -- The entry's id, or the message's.
    source_id uuid NOT NULL,
    -- 1 started, 2 first response, 3 response, 4 closed, 5 reopened, 6 handed off.
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 6),
    conversation_id uuid NOT NULL,
    -- Under which it happened; 0 when that is not known.
    epoch bigint NOT NULL,
    -- Of UTC.
    day date NOT NULL,
    channel_id uuid NOT NULL,
    -- The nil UUID stands for none.
    team_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    ai boolean NOT NULL,
    -- Of a response the class of its time, of a close 1 when the AI had handled it alone, of a hand-off its reason.
    class smallint NOT NULL,
    -- Whether `figure` counts it. It waits until the change of holder that began its epoch is known, since the team of a
    -- response or a close follows from that and those before it.
    counted boolean NOT NULL DEFAULT false,
    generation bigint NOT NULL,
    PRIMARY KEY (tenant_id, source_id, kind)
);
CREATE INDEX figure_fact_waiting ON figure_fact (tenant_id, conversation_id) WHERE NOT counted;

-- How many facts there are of each sort on each day. A rebuild counts under its own generation; the lowest is read until it
-- ends.
CREATE TABLE figure (
    tenant_id uuid NOT NULL,
    generation bigint NOT NULL,
    day date NOT NULL,
    channel_id uuid NOT NULL,
    team_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    ai boolean NOT NULL,
    kind smallint NOT NULL,
    class smallint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (tenant_id, generation, day, channel_id, team_id, agent_id, ai, kind, class)
);
