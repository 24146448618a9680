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
    /// The place before the first change, then that of every change, also of those that a later one made superfluous.
    places: Vec<Cursor>,
    pub changes: Vec<Change>,
    pub sequenced_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Batch {
    /// Nothing but a place: what subscribers get when the history was replaced under them.
    fn at(place: Cursor) -> Self {
        Self { places: vec![place], changes: Vec::new(), sequenced_at: None }
    }

    /// The place of the last change.
    pub fn cursor(&self) -> Cursor {
        self.places.last().copied().unwrap_or_default()
    }

    /// Whether what follows `cursor` follows in this batch: the number alone does not tell, since another history of the
    /// same database (a restored dump) has the same numbers.
    pub fn holds(&self, cursor: Cursor) -> bool {
        let found = self.places.binary_search_by_key(&cursor.seq, |place| place.seq);
        found.is_ok_and(|at| self.places[at] == cursor)
    }
}

/// Follows the feed's table and fans it out inside the process.
#[derive(Debug, Clone)]
pub struct Tail {
    batches: broadcast::Sender<Arc<Batch>>,
    head: watch::Receiver<i64>,
}

impl Tail {
    /// Follows from the head until `stop`.
    pub fn spawn<H: Hydrate>(
        pool: Pool,
        hydrator: Arc<H>,
        sequencer: &Sequencer,
        stop: CancellationToken,
    ) -> Self {
        let (batches, _) = broadcast::channel(KEPT);
        let (head_sender, head) = watch::channel(0);
        let sender = batches.clone();
        let mut sequenced = sequencer.sequenced();
        tokio::spawn(async move {
            let mut listener = listen(&pool).await;
            let mut position = None;
            while !stop.is_cancelled() {
                if let Err(error) =
                    advance(&pool, hydrator.as_ref(), &mut position, &sender, &head_sender).await
                {
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
    position: &mut Option<Cursor>,
    sender: &broadcast::Sender<Arc<Batch>>,
    head: &watch::Sender<i64>,
) -> Result<()> {
    loop {
        let mut tx = begin_snapshot(pool).await?;
        let newest = log::head(&mut tx).await?;
        let Some(place) = position.filter(|_| sender.receiver_count() > 0) else {
            // With nobody listening there is nothing to read.
            *position = Some(newest);
            head.send_if_modified(|head| std::mem::replace(head, newest.seq) != newest.seq);
            return Ok(());
        };
        if place == newest {
            return Ok(());
        }
        if !log::knows(&mut tx, place).await? {
            // Another history. Every subscriber has to look whether its own cursor is still in it.
            *position = Some(newest);
            let _ = sender.send(Arc::new(Batch::at(newest)));
            head.send_replace(newest.seq);
            return Ok(());
        }
        let batch = read_batch(&mut tx, hydrator, place).await?;
        drop(tx);
        let Some(batch) = batch else { return Ok(()) };
        let place = batch.cursor();
        *position = Some(place);
        let _ = sender.send(Arc::new(batch));
        head.send_replace(place.seq);
    }
}

/// Reads and hydrates the changes after a place, in the snapshot of `connection`, which knows the place.
pub(crate) async fn read_batch<H: Hydrate>(
    connection: &mut tandem_database::Connection,
    hydrator: &H,
    after: Cursor,
) -> Result<Option<Batch>> {
    let rows = log::after(connection, after.seq, BATCH).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let sequenced_at = Some(last.sequenced_at);
    let mut places = vec![after];
    places.extend(rows.iter().map(|row| Cursor { seq: row.seq, mark: row.mark }));
    let changes = hydrate(connection, hydrator, rows).await?;
    Ok(Some(Batch { places, changes, sequenced_at }))
}
