use std::sync::Arc;
use std::time::Duration;

use tandem_database::{Pool, begin_snapshot};
use tandem_fault::{Fault, Reason};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, timeout_at};

use crate::server::Hydrate;
use crate::tail::{Batch, read_batch};
use crate::{Cursor, Tail, log};

/// Reads a feed from a cursor on, inside the process that owns it: catches up from the table, then follows the tail, and
/// falls back to the table whenever it lags.
#[derive(Debug)]
pub struct Follower<H> {
    pool: Pool,
    hydrator: Arc<H>,
    tail: Tail,
    cursor: Cursor,
    /// Subscribed before the table was read to its end, so that nothing falls between the two.
    batches: broadcast::Receiver<Arc<Batch>>,
    catching_up: bool,
    /// When anything was heard last: whoever drops a [`Follower::next`] half-way does not begin the wait anew.
    heard: Instant,
}

/// What a follower sees next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Some changes. Those up to [`Step::already`] were seen before.
    Changes { batch: Arc<Batch>, already: i64 },
    /// Everything there is was seen, and nothing new came for a while.
    Idle,
}

impl<H: Hydrate> Follower<H> {
    /// From a cursor, or from the head.
    ///
    /// # Errors
    /// `OUT_OF_RANGE` (`CURSOR_GONE`) for a cursor that this history does not know.
    pub async fn open(
        pool: Pool,
        hydrator: Arc<H>,
        tail: Tail,
        cursor: Option<Cursor>,
    ) -> Result<Self, Fault> {
        let batches = tail.subscribe();
        let mut tx = begin_snapshot(&pool).await?;
        let cursor = match cursor {
            Some(cursor) if log::knows(&mut tx, cursor).await? => cursor,
            Some(_) => return Err(gone()),
            None => log::head(&mut tx).await?,
        };
        drop(tx);
        Ok(Self { pool, hydrator, tail, cursor, batches, catching_up: true, heard: Instant::now() })
    }

    /// The place of what was seen last.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next changes; [`Step::Idle`] once the table was read to its end, and then after every `idle` without a word.
    ///
    /// # Errors
    /// `OUT_OF_RANGE` (`CURSOR_GONE`) when the history was replaced; `UNAVAILABLE` when the database is away or the
    /// process drains.
    pub async fn next(&mut self, idle: Duration) -> Result<Step, Fault> {
        loop {
            if self.catching_up {
                let mut tx = begin_snapshot(&self.pool).await?;
                if !log::knows(&mut tx, self.cursor).await? {
                    return Err(gone());
                }
                let batch = read_batch(&mut tx, self.hydrator.as_ref(), self.cursor).await?;
                drop(tx);
                let Some(batch) = batch else {
                    self.catching_up = false;
                    self.heard = Instant::now();
                    return Ok(Step::Idle);
                };
                return Ok(self.step(Arc::new(batch)));
            }
            match timeout_at(self.heard + idle, self.batches.recv()).await {
                Ok(Ok(batch)) if batch.holds(self.cursor) => {
                    if batch.cursor() != self.cursor {
                        return Ok(self.step(batch));
                    }
                }
                Ok(Err(RecvError::Closed)) => {
                    return Err(Fault::new(Reason::ShuttingDown, "the process is draining"));
                }
                // Not our place: the tail is behind what we read, or ahead, or the history was replaced. The table tells
                // which. And after a silence a look at the table is how a restored database is noticed.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => {
                    self.batches = self.tail.subscribe();
                    self.catching_up = true;
                }
            }
        }
    }

    fn step(&mut self, batch: Arc<Batch>) -> Step {
        self.heard = Instant::now();
        let already = self.cursor.seq;
        self.cursor = batch.cursor();
        Step::Changes { batch, already }
    }
}

fn gone() -> Fault {
    Fault::new(Reason::CursorGone, "the feed does not know this cursor")
}
