use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use prost::Message;
use tandem_ambient::Ambient;
use tandem_bootstrap::InternalChannel;
use tandem_database::{Connection, Pool, Result, begin};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{Change, ChangeKind, SubscribeRequest, SubscribeResponse};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::Cursor;
use crate::lease::{Held, lost};

/// Batches are put together up to about so many bytes.
const MOST_BYTES: usize = 8 << 20;

/// What a service does with another's changes.
///
/// States are idempotent: compare `(generation, version)` and keep the newer. Events are keyed by their id. Derive each
/// fact from states or from events, never from both.
pub trait Apply: Send + Sync + 'static {
    /// The kinds that are wanted.
    fn kinds(&self) -> &'static [ChangeKind];

    /// The feed is ours: said at the beginning, and whenever the lease was renewed. `CURSOR_GONE` builds everything anew, as a
    /// lost place does.
    fn held(&self, _generation: i64) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// How many batches are applied as one at most, when they wait: for work whose cost is each time, not each change.
    fn together(&self) -> usize {
        1
    }

    /// Work outside the database that must have succeeded before the cursor moves, such as an index's task. Repeated
    /// after a crash.
    fn before(&self, _generation: i64, _changes: &[Change]) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// A rebuild fills a copy that is used only once it is whole, so that the feed can be followed on beside it ([`beside`]).
    ///
    /// [`beside`]: crate::beside
    fn rebuilds_beside(&self) -> bool {
        false
    }

    /// As `before`, for a change that comes while a rebuild of this generation runs beside what is kept: for both.
    fn meanwhile(&self, generation: i64, changes: &[Change]) -> impl Future<Output = Result<()>> + Send {
        self.before(generation, changes)
    }

    /// The part of the time that a rebuild beside takes, 0.01 to 1; it rests for the remainder.
    fn share(&self) -> f64 {
        1.0
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
    /// before goes on beside it under a cursor of its own, one batch of either at a time; its rows, of a lower generation,
    /// never replace newer ones. When the newer release is gone, the older one builds anew what it keeps ([`Consumer`]).
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
    pub(crate) fn first_generation(&self) -> i64 {
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
///
/// Cursors of several shapes can stand side by side. Whoever begins to follow, and finds that another shape wrote with a
/// generation as high as its own, builds everything anew with a higher one: a release that comes back after another. An
/// older shape does so only while nobody follows with the newer one.
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
        if held.rebuild.is_some() || held.anew {
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
            Err(status) if reason_of(&status).as_deref() == Some(Reason::LeaseLost.as_str()) => {
                // Also by what is kept: whoever finds that a newer release writes it leaves the feed to that one.
                self.release().await?;
                Err(lost())
            }
            Err(status) => Err(Fault::unavailable(status).into()),
            Ok(()) => Ok(true),
        }
    }

    /// Opens the stream at our place.
    pub(crate) async fn subscribe(&self, held: &Held) -> Result<Streaming<SubscribeResponse>, Status> {
        // How large a batch is follows from the sizes of its entities, which their services limit.
        let mut client =
            ChangeFeedServiceClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        let kinds = self.apply.kinds().iter().map(|kind| i32::from(*kind)).collect();
        let request = SubscribeRequest { after: Some(held.cursor.into()), kinds };
        Ok(client.subscribe(request).await?.into_inner())
    }

    /// When the lease is to be renewed.
    pub(crate) fn renewals(&self) -> Interval {
        let every = Duration::from_millis(self.config.lease.num_milliseconds().unsigned_abs() / 3);
        let mut renewals = tokio::time::interval(every);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        renewals
    }

    async fn follow(&self, held: &mut Held) -> Result<(), Status> {
        self.apply.held(held.generation).await?;
        let stream = self.subscribe(held).await?;
        let (mut batches, _reading) = read_ahead(stream, self.apply.together());
        let mut renew = self.renewals();
        loop {
            tokio::select! {
                batch = batches.recv() => {
                    let Some(batch) = batch else { return Ok(()) };
                    let (batch, end) = self.with_those_that_wait(batch?, &mut batches);
                    if !self.apply_batch(held, batch, &mut renew).await? {
                        return Ok(());
                    }
                    end?;
                },
                _ = renew.tick() => {
                    if !self.renew(held).await? {
                        return Ok(());
                    }
                    self.apply.held(held.generation).await?;
                }
            }
        }
    }

    /// One batch of those that came meanwhile, and how the stream ended if it did.
    pub(crate) fn with_those_that_wait(
        &self,
        mut batch: SubscribeResponse,
        batches: &mut mpsc::Receiver<Result<SubscribeResponse, Status>>,
    ) -> (SubscribeResponse, Result<(), Status>) {
        let most = self.apply.together();
        if most <= 1 {
            return (batch, Ok(()));
        }
        let mut bytes = batch.encoded_len();
        for _ in 1..most {
            if bytes > MOST_BYTES {
                break;
            }
            match batches.try_recv() {
                Ok(Ok(next)) => {
                    bytes += next.encoded_len();
                    batch.changes.extend(next.changes);
                    (batch.cursor, batch.head_seq, batch.time) = (next.cursor, next.head_seq, next.time);
                }
                Ok(Err(status)) => return (batch, Err(status)),
                Err(_) => break,
            }
        }
        (batch, Ok(()))
    }

    /// Applies one batch, while a rebuild runs to both. Answers whether the feed is still ours.
    pub(crate) async fn apply_batch(
        &self,
        held: &mut Held,
        batch: SubscribeResponse,
        renew: &mut Interval,
    ) -> Result<bool> {
        let next = Cursor::from(batch.cursor.unwrap_or_default());
        if next.seq > held.cursor.seq {
            let work = async {
                if held.rebuild.is_some() {
                    self.apply.meanwhile(held.generation, &batch.changes).await
                } else {
                    self.apply.before(held.generation, &batch.changes).await
                }
            };
            self.while_renewing(held, renew, work).await?;
            if !self.settle(held, &batch, next).await? {
                return Ok(false);
            }
        }
        let head = batch.head_seq.max(held.cursor.seq);
        self.progress.send_replace(Progress { seq: held.cursor.seq, head });
        Ok(true)
    }

    /// Work outside the database: however long it takes, the feed stays ours.
    pub(crate) async fn while_renewing(
        &self,
        held: &Held,
        renew: &mut Interval,
        work: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = renew.tick() => if !self.renew(held).await? { return Err(lost()) },
            }
        }
    }

    /// Applies a batch and moves the cursor. False when the feed is no longer ours.
    async fn settle(&self, held: &mut Held, batch: &SubscribeResponse, next: Cursor) -> Result<bool> {
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
        Ok(true)
    }
}

/// Reads a stream into a queue of a size, so that the next batches come while one is applied. Ends with what it answers beside.
pub(crate) fn read_ahead(
    mut stream: Streaming<SubscribeResponse>,
    most: usize,
) -> (mpsc::Receiver<Result<SubscribeResponse, Status>>, JoinSet<()>) {
    let (sender, receiver) = mpsc::channel(most.max(1));
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        while let Some(batch) = stream.message().await.transpose() {
            let ended = batch.is_err();
            if sender.send(batch).await.is_err() || ended {
                return;
            }
        }
    });
    (receiver, reading)
}
