use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tandem_database::{Pool, Result, begin_snapshot};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::server::{Hydrate, hydrate};
use crate::{Change, Cursor, Sequencer, log};

/// Changes in one batch.
pub(crate) const BATCH: i64 = 500;
/// The net under the wakes of other processes.
const POLL: Duration = Duration::from_millis(200);
/// Batches that a subscriber may lag behind before it reads the database again.
const KEPT: usize = 64;

/// Some changes in order, hydrated once for every subscriber of the process.
#[derive(Debug)]
pub struct Batch {
    /// The place before the first change.
    pub after: i64,
    pub changes: Vec<Change>,
    /// The place of the last change.
    pub cursor: Cursor,
    pub sequenced_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Follows the feed's table and fans it out inside the process.
#[derive(Debug, Clone)]
pub struct Tail {
    batches: broadcast::Sender<Arc<Batch>>,
    head: watch::Receiver<i64>,
}

impl Tail {
    /// Follows from the head until `stop`.
    pub fn spawn<H: Hydrate>(pool: Pool, hydrator: Arc<H>, sequencer: &Sequencer, stop: CancellationToken) -> Self {
        let (batches, _) = broadcast::channel(KEPT);
        let (head_sender, head) = watch::channel(0);
        let sender = batches.clone();
        let mut sequenced = sequencer.sequenced();
        tokio::spawn(async move {
            let mut listener = listen(&pool).await;
            let mut position = None;
            while !stop.is_cancelled() {
                if let Err(error) = advance(&pool, hydrator.as_ref(), &mut position, &sender, &head_sender).await {
                    tracing::warn!(?error, "the feed's tail could not be read, will try again");
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    changed = sequenced.changed() => if changed.is_err() { break },
                    () = notified(&mut listener) => {}
                    () = tokio::time::sleep(POLL) => {
                        if listener.is_none() {
                            listener = listen(&pool).await;
                        }
                    }
                }
            }
        });
        Self { batches, head }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.batches.subscribe()
    }

    /// The number of the newest change that the tail has seen; changes with it. Streams wake by it.
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.clone()
    }
}

async fn listen(pool: &Pool) -> Option<PgListener> {
    let mut listener = PgListener::connect_with(pool).await.ok()?;
    listener.listen("tandem_feed").await.ok()?;
    Some(listener)
}

async fn notified(listener: &mut Option<PgListener>) {
    match listener {
        Some(live) => {
            if live.recv().await.is_err() {
                *listener = None;
            }
        }
        None => std::future::pending().await,
    }
}

async fn advance<H: Hydrate>(
    pool: &Pool,
    hydrator: &H,
    position: &mut Option<i64>,
    sender: &broadcast::Sender<Arc<Batch>>,
    head: &watch::Sender<i64>,
) -> Result<()> {
    loop {
        let mut tx = begin_snapshot(pool).await?;
        let newest = log::head(&mut tx).await?.seq;
        // With nobody listening there is nothing to read; a restored database starts the count anew.
        let Some(seq) = position.filter(|seq| sender.receiver_count() > 0 && *seq <= newest) else {
            *position = Some(newest);
            head.send_if_modified(|head| std::mem::replace(head, newest) != newest);
            return Ok(());
        };
        if seq == newest {
            return Ok(());
        }
        let batch = read_batch(&mut tx, hydrator, seq).await?;
        drop(tx);
        let Some(batch) = batch else { return Ok(()) };
        *position = Some(batch.cursor.seq);
        let seq = batch.cursor.seq;
        let _ = sender.send(Arc::new(batch));
        head.send_replace(seq);
    }
}

/// Reads and hydrates the changes after a number, in the snapshot of `connection`.
pub(crate) async fn read_batch<H: Hydrate>(
    connection: &mut tandem_database::Connection,
    hydrator: &H,
    seq: i64,
) -> Result<Option<Batch>> {
    let rows = log::after(connection, seq, BATCH).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let cursor = Cursor { seq: last.seq, mark: last.mark };
    let sequenced_at = Some(last.sequenced_at);
    let changes = hydrate(connection, hydrator, rows).await?;
    Ok(Some(Batch { after: seq, changes, cursor, sequenced_at }))
}
