use std::sync::Arc;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_bootstrap::InternalChannel;
use tandem_change_feed::{Apply, Body, Change, ChangeKind, Consumer, ConsumerConfig, Progress};
use tandem_database::{Connection, Pool, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a [`Recorder`] writes, beside the `feed_cursor` of any service's schema.
const SCHEMA: &str = "
    -- Every application, in order.
    CREATE TABLE applied (
        n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        replica text NOT NULL,
        generation bigint NOT NULL,
        -- 0 for what came with a snapshot.
        seq bigint NOT NULL,
        tenant_id uuid NOT NULL,
        kind smallint NOT NULL,
        entity_id uuid NOT NULL,
        version bigint NOT NULL
    );
    -- A second application of a change, or of an event, fails loudly: the consumer stands still.
    CREATE UNIQUE INDEX applied_once ON applied (generation, seq) WHERE seq > 0;
    CREATE UNIQUE INDEX event_once ON applied (generation, entity_id) WHERE seq > 0 AND kind = 6;
    -- What the changes come to.
    CREATE TABLE projection (
        tenant_id uuid NOT NULL,
        kind smallint NOT NULL,
        entity_id uuid NOT NULL,
        generation bigint NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (tenant_id, kind, entity_id)
    );";

/// A consumer of conversation's feed that writes down what it applies, and keeps a projection of it.
#[derive(Debug)]
pub struct Recorder {
    replica: String,
}

impl Recorder {
    /// The name of its cursor.
    pub const FEED: &str = "conversation";
    /// How long a replica holds the feed without a word, on the suite's clock.
    pub const LEASE: TimeDelta = TimeDelta::seconds(10);

    /// Adds its tables to a service's database.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn prepare(pool: &Pool) {
        sqlx::raw_sql(SCHEMA).execute(pool).await.unwrap();
    }

    /// Follows conversation's feed as a replica of some name, until `stop`.
    pub fn spawn(
        replica: &str,
        pool: Pool,
        ambient: Ambient,
        channel: InternalChannel,
        stop: CancellationToken,
    ) -> watch::Receiver<Progress> {
        Self::spawn_shape(0, replica, pool, ambient, channel, stop)
    }

    /// As another release does that keeps something else of the feed.
    pub fn spawn_shape(
        shape: u16,
        replica: &str,
        pool: Pool,
        ambient: Ambient,
        channel: InternalChannel,
        stop: CancellationToken,
    ) -> watch::Receiver<Progress> {
        let config = ConsumerConfig { feed: Self::FEED, shape, lease: Self::LEASE };
        let recorder = Self { replica: replica.to_owned() };
        Consumer::spawn(config, pool, ambient, channel, Arc::new(recorder), stop)
    }
}

/// The version of a change's state; 0 for an event, and for what no longer exists.
pub fn version(change: &Change) -> i64 {
    match &change.body {
        Some(Body::Channel(channel)) => channel.version,
        Some(Body::Contact(contact)) => contact.version,
        Some(Body::Conversation(conversation)) => conversation.version,
        Some(Body::Message(message)) => message.version,
        Some(Body::Agent(agent)) => agent.version,
        Some(Body::Team(team)) => team.version,
        Some(Body::Customer(customer)) => customer.version,
        Some(Body::Tag(tag)) => tag.version,
        // What an edit makes another; a pin tells nobody.
        Some(Body::Note(note)) => note.etag.parse().unwrap_or_default(),
        Some(Body::Tenant(_) | Body::TimelineEntry(_)) | None => 0,
    }
}

impl Apply for Recorder {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[
            ChangeKind::Tenant,
            ChangeKind::Channel,
            ChangeKind::Contact,
            ChangeKind::Conversation,
            ChangeKind::Message,
            ChangeKind::TimelineEntry,
        ]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        let id = |text: &str| text.parse::<Uuid>().unwrap();
        let seqs: Vec<i64> = changes.iter().map(|change| change.seq).collect();
        let tenants: Vec<Uuid> = changes.iter().map(|change| id(&change.tenant_id)).collect();
        let kinds: Vec<i16> = changes.iter().map(|change| i16::try_from(change.kind).unwrap()).collect();
        let entities: Vec<Uuid> = changes.iter().map(|change| id(&change.entity_id)).collect();
        let versions: Vec<i64> = changes.iter().map(version).collect();
        sqlx::query(
            "INSERT INTO applied (replica, generation, seq, tenant_id, kind, entity_id, version)
             SELECT $1, $2, seq, tenant_id, kind, entity_id, version
             FROM unnest($3::bigint[], $4::uuid[], $5::smallint[], $6::uuid[], $7::bigint[]) WITH ORDINALITY
                 AS new (seq, tenant_id, kind, entity_id, version, n)
             ORDER BY n",
        )
        .bind(&self.replica)
        .bind(generation)
        .bind(&seqs)
        .bind(&tenants)
        .bind(&kinds)
        .bind(&entities)
        .bind(&versions)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO projection AS old (tenant_id, kind, entity_id, generation, version)
             SELECT tenant_id, kind, entity_id, $1, version
             FROM unnest($2::uuid[], $3::smallint[], $4::uuid[], $5::bigint[])
                 AS new (tenant_id, kind, entity_id, version)
             ON CONFLICT (tenant_id, kind, entity_id) DO UPDATE
             SET generation = excluded.generation, version = excluded.version
             WHERE (old.generation, old.version) < (excluded.generation, excluded.version)",
        )
        .bind(generation)
        .bind(&tenants)
        .bind(&kinds)
        .bind(&entities)
        .bind(&versions)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        sqlx::query("DELETE FROM projection WHERE generation < $1")
            .bind(generation)
            .execute(connection)
            .await?;
        Ok(())
    }
}
