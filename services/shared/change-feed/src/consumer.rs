use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_bootstrap::InternalChannel;
use tandem_database::{Connection, Error, Pool, Result, begin};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{Change, ChangeKind, SubscribeRequest, SubscribeResponse};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::Cursor;

/// What a service does with another's changes.
///
/// States are idempotent: compare `(generation, version)` and keep the newer. Events are keyed by their id. Derive each
/// fact from states or from events, never from both.
pub trait Apply: Send + Sync + 'static {
    /// The kinds that are wanted.
    fn kinds(&self) -> &'static [ChangeKind];

    /// Work outside the database that must have succeeded before the cursor moves, such as an index's task. Repeated
    /// after a crash.
    fn before(&self, _generation: i64, _changes: &[Change]) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Writes the changes in the transaction that moves the cursor.
    fn apply(
        &self,
        connection: &mut Connection,
        generation: i64,
        changes: &[Change],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Writes a page of a rebuild's snapshot; unless it says otherwise, as changes that just happened.
    fn snapshot(
        &self,
        connection: &mut Connection,
        generation: i64,
        changes: &[Change],
    ) -> impl Future<Output = Result<()>> + Send {
        self.apply(connection, generation, changes)
    }

    /// After the commit, such as waking this service's own sequencer for changes that follow from what was applied.
    fn committed(&self) {}

    /// Ends a rebuild: removes what the snapshot did not see, that is, rows of an older generation.
    fn sweep(&self, connection: &mut Connection, generation: i64) -> impl Future<Output = Result<()>> + Send;
}

/// How a consumer holds its feed.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// The feed's name, such as `conversation`.
    pub feed: &'static str,
    /// What is kept of the feed: one higher with every release that keeps more of it, so that it is built anew. The release
    /// before goes on beside it under a cursor of its own; its rows, of a lower generation, never replace newer ones.
    pub shape: u16,
    /// How long a replica holds the feed without a word.
    pub lease: TimeDelta,
}

impl ConsumerConfig {
    /// The cursor's key: the feed's name, and the shape from the second on, as in `conversation.1`.
    pub fn key(&self) -> String {
        if self.shape == 0 { self.feed.to_owned() } else { format!("{}.{}", self.feed, self.shape) }
    }

    /// The first generation of this shape: higher than all of those before it.
    fn first_generation(&self) -> i64 {
        (i64::from(self.shape) << 32) + 1
    }
}

/// How far a consumer of this process is, for metrics and index lag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last number applied here; 0 while another replica holds the feed.
    pub seq: i64,
    /// The feed's head when that was received.
    pub head: i64,
}

/// Follows one feed while it holds its lease.
pub struct Consumer<A> {
    pub(crate) config: ConsumerConfig,
    pub(crate) key: String,
    pub(crate) pool: Pool,
    pub(crate) ambient: Ambient,
    pub(crate) channel: InternalChannel,
    pub(crate) apply: Arc<A>,
    pub(crate) lease: Uuid,
    pub(crate) progress: watch::Sender<Progress>,
}

/// The stored place, read when the lease is had.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub cursor: Cursor,
    pub generation: i64,
    pub rebuild: Option<(String, Cursor)>,
}

impl<A: Apply> Consumer<A> {
    /// Starts following until `stop`. The receiver tells how far this process is.
    pub fn spawn(
        config: ConsumerConfig,
        pool: Pool,
        ambient: Ambient,
        channel: InternalChannel,
        apply: Arc<A>,
        stop: CancellationToken,
    ) -> watch::Receiver<Progress> {
        let (progress, receiver) = watch::channel(Progress::default());
        let lease = ambient.id();
        let key = config.key();
        let consumer = Self { config, key, pool, ambient, channel, apply, lease, progress };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = consumer.run() => {}
            }
            // Given back so that another replica goes on at once.
            let _ = consumer.release().await;
        });
        receiver
    }

    async fn run(&self) {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.hold().await {
                Ok(true) => pause = Duration::from_millis(50),
                Ok(false) => pause = Duration::from_millis(500),
                Err(error) => {
                    tracing::warn!(
                        feed = self.config.feed,
                        ?error,
                        "following the feed failed, will try again"
                    );
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
            let jitter = 1.0 + self.ambient.fraction() / 4.0;
            tokio::time::sleep(pause.mul_f64(jitter)).await;
        }
    }

    /// Follows the feed as long as the lease is ours. Answers whether it was had at all.
    async fn hold(&self) -> Result<bool> {
        let Some(mut held) = self.acquire().await? else {
            self.progress.send_replace(Progress::default());
            return Ok(false);
        };
        if held.rebuild.is_some() {
            self.rebuild(&mut held).await?;
        }
        match self.follow(&mut held).await {
            Err(status) if reason_of(&status).as_deref() == Some(Reason::CursorGone.as_str()) => {
                tracing::warn!(
                    feed = self.config.feed,
                    seq = held.cursor.seq,
                    "the cursor is gone, rebuilding"
                );
                self.rebuild(&mut held).await?;
                Ok(true)
            }
            Err(status) if reason_of(&status).as_deref() == Some(Reason::ShuttingDown.as_str()) => Ok(true),
            Err(status) => Err(Fault::unavailable(status).into()),
            Ok(()) => Ok(true),
        }
    }

    async fn follow(&self, held: &mut Held) -> Result<(), Status> {
        let mut client = ChangeFeedServiceClient::new(self.channel.clone());
        let kinds = self.apply.kinds().iter().map(|kind| i32::from(*kind)).collect();
        let request = SubscribeRequest { after: Some(held.cursor.into()), kinds };
        let mut stream = client.subscribe(request).await?.into_inner();
        let renew_every = Duration::from_millis(self.config.lease.num_milliseconds().unsigned_abs() / 3);
        let mut renew = tokio::time::interval(renew_every);
        loop {
            tokio::select! {
                batch = stream.message() => match batch? {
                    Some(batch) => {
                        if !self.apply_batch(held, batch).await? {
                            return Ok(());
                        }
                    }
                    None => return Ok(()),
                },
                _ = renew.tick() => if !self.renew(held).await? { return Ok(()) },
            }
        }
    }

    /// Applies one batch. Answers whether the feed is still ours.
    async fn apply_batch(&self, held: &mut Held, batch: SubscribeResponse) -> Result<bool> {
        let next = Cursor::from(batch.cursor.unwrap_or_default());
        if next.seq > held.cursor.seq {
            self.apply.before(held.generation, &batch.changes).await?;
            let mut tx = begin(&self.pool).await?;
            if !self.fence(&mut tx, held).await? {
                return Ok(false);
            }
            if !batch.changes.is_empty() {
                self.apply.apply(&mut tx, held.generation, &batch.changes).await?;
            }
            sqlx::query!(
                "UPDATE feed_cursor SET seq = $2, mark = $3 WHERE feed = $1",
                self.key,
                next.seq,
                next.mark,
            )
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            self.apply.committed();
            held.cursor = next;
        }
        self.progress
            .send_replace(Progress { seq: held.cursor.seq, head: batch.head_seq.max(held.cursor.seq) });
        Ok(true)
    }

    /// Locks our lease's row and prolongs it. False when another replica has taken over: a process that was frozen past
    /// its lease writes nothing. False also when the stored place is not the one that we go on from: this database was
    /// restored under us, with our lease in it, and what we applied since the dump is gone.
    pub(crate) async fn fence(&self, connection: &mut Connection, held: &Held) -> Result<bool> {
        let fenced = sqlx::query!(
            "UPDATE feed_cursor SET lease_until = $3
             WHERE feed = $1 AND lease = $2 AND seq = $4 AND mark = $5 AND rebuild_page IS NOT DISTINCT FROM $6",
            self.key,
            self.lease,
            self.ambient.now() + self.config.lease,
            held.cursor.seq,
            held.cursor.mark,
            held.rebuild.as_ref().map(|(page, _)| page),
        )
        .execute(connection)
        .await?;
        Ok(fenced.rows_affected() == 1)
    }

    async fn renew(&self, held: &Held) -> Result<bool> {
        let mut connection = self.pool.acquire().await.map_err(Error::from)?;
        self.fence(&mut connection, held).await
    }

    async fn acquire(&self) -> Result<Option<Held>> {
        // Where an earlier shape has come, with a mark that nobody knows: it is built anew. Else from the feed's beginning.
        sqlx::query!(
            "INSERT INTO feed_cursor (feed, generation, seq, mark)
             SELECT $1, $2, coalesce(max(seq), 0), coalesce((array_agg(~mark ORDER BY seq DESC))[1], 0)
             FROM feed_cursor WHERE seq > 0 AND (feed = $3 OR feed LIKE $3 || '.%')
             ON CONFLICT DO NOTHING",
            self.key,
            self.config.first_generation(),
            self.config.feed,
        )
        .execute(&self.pool)
        .await?;
        let now = self.ambient.now();
        let row = sqlx::query!(
            "UPDATE feed_cursor SET lease = $2, lease_until = $3
             WHERE feed = $1 AND (lease IS NULL OR lease = $2 OR lease_until < $4)
             RETURNING seq, mark, generation, rebuild_page, rebuild_seq, rebuild_mark",
            self.key,
            self.lease,
            now + self.config.lease,
            now,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Held {
            cursor: Cursor { seq: row.seq, mark: row.mark },
            generation: row.generation,
            rebuild: row.rebuild_page.map(|page| {
                (page, Cursor { seq: row.rebuild_seq.unwrap_or(0), mark: row.rebuild_mark.unwrap_or(0) })
            }),
        }))
    }

    async fn release(&self) -> Result<()> {
        sqlx::query!(
            "UPDATE feed_cursor SET lease = NULL, lease_until = NULL WHERE feed = $1 AND lease = $2",
            self.key,
            self.lease,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
