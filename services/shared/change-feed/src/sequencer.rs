use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tandem_ambient::Ambient;
use tandem_database::{Connection, Pool, Result, begin};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Rows in one batch.
const BATCH: i64 = 2_000;
/// The net under the wakes: rows of a process that died before it woke anybody wait this long.
const POLL: Duration = Duration::from_millis(100);
/// Other processes are told at most this often.
const NOTIFY_EVERY: Duration = Duration::from_millis(5);

/// Gives committed outbox rows their dense numbers.
///
/// Every process of a service runs one, and wakes it after its own commits. They do not race: a batch locks the one
/// `feed_head` row and reads the outbox in a later statement, so it sees all that was committed before the lock was
/// had. (The design's advisory lease would only save a few empty look-ups, and cost a hop for every write of a
/// process that does not have it.)
#[derive(Debug, Clone)]
pub struct Sequencer {
    wake: Arc<Notify>,
    sequenced: watch::Receiver<i64>,
}

impl Sequencer {
    /// Starts sequencing until `stop`.
    pub fn spawn(pool: Pool, ambient: Ambient, stop: CancellationToken) -> Self {
        let wake = Arc::new(Notify::new());
        let (sender, sequenced) = watch::channel(0);
        tokio::spawn(run(pool, ambient, stop, Arc::clone(&wake), sender));
        Self { wake, sequenced }
    }

    /// Says that something was committed. Call it after the commit; it costs nothing.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// The highest number that this process has given; changes when it gives more.
    pub fn sequenced(&self) -> watch::Receiver<i64> {
        self.sequenced.clone()
    }
}

async fn run(
    pool: Pool,
    ambient: Ambient,
    stop: CancellationToken,
    wake: Arc<Notify>,
    sequenced: watch::Sender<i64>,
) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = tokio::time::Instant::now();
    let mut untold = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = wake.notified() => {}
            _ = poll.tick() => {}
            () = tokio::time::sleep_until(told + NOTIFY_EVERY), if untold => {}
        }
        match drain(&pool, &ambient).await {
            Ok(Some(head)) => {
                sequenced.send_replace(head);
                untold = true;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(?error, "sequencing failed, will try again"),
        }
        if untold && told.elapsed() >= NOTIFY_EVERY {
            // Outside any transaction: a NOTIFY inside one serialises every commit.
            let _ = sqlx::query("SELECT pg_notify('tandem_feed', '')").execute(&pool).await;
            (told, untold) = (tokio::time::Instant::now(), false);
        }
    }
}

/// Sequences until the outbox is empty. Answers the new head when there was anything.
async fn drain(pool: &Pool, ambient: &Ambient) -> Result<Option<i64>> {
    let mut head = None;
    loop {
        let waiting = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM outbox) AS "waiting!""#)
            .fetch_one(pool)
            .await?;
        if !waiting {
            return Ok(head);
        }
        let mut tx = begin(pool).await?;
        let (batch_head, moved) = batch(&mut tx, ambient.now()).await?;
        tx.commit().await?;
        head = Some(batch_head);
        if moved < BATCH.cast_unsigned() {
            return Ok(head);
        }
    }
}

async fn batch(connection: &mut Connection, now: DateTime<Utc>) -> Result<(i64, u64)> {
    let head =
        sqlx::query_scalar!("SELECT seq FROM feed_head FOR UPDATE").fetch_one(&mut *connection).await?;
    let moved = sqlx::query!(
        "WITH moved AS (
             DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT $2)
             RETURNING id, mark, tenant_id, kind, entity_id, version)
         INSERT INTO feed (seq, outbox_id, mark, tenant_id, kind, entity_id, version, sequenced_at)
         SELECT $1 + row_number() OVER (ORDER BY id), id, mark, tenant_id, kind, entity_id, version, $3 FROM moved",
        head,
        BATCH,
        now,
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let head = head + moved.cast_signed();
    if moved > 0 {
        sqlx::query!("UPDATE feed_head SET seq = $1", head).execute(connection).await?;
    }
    Ok((head, moved))
}

/// Forgets feed rows older than `before`, at most `limit` a call, whoever is behind; the newest stays, so that the
/// head's mark can be compared. Only ever a beginning of the feed, where the clocks of its writers differ too: a
/// subscriber whose cursor is there finds all that follows it. Answers how many.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<u64> {
    let pruned = sqlx::query!(
        "WITH oldest AS (
             SELECT seq, sequenced_at FROM feed
             WHERE seq < (SELECT max(seq) FROM feed) ORDER BY seq LIMIT $2)
         DELETE FROM feed WHERE seq IN (
             SELECT seq FROM oldest
             WHERE seq < coalesce((SELECT min(seq) FROM oldest WHERE sequenced_at >= $1), 9223372036854775807))",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(pruned.rows_affected())
}
