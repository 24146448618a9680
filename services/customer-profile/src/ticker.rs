//! What is due by the clock, on any replica.

use std::time::Duration;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_database::{Pool, Result};
use tokio_util::sync::CancellationToken;

use crate::domain::{Core, merge, tag};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(60);
/// Rows that one statement forgets: short locks, small transactions.
const BATCH: i64 = 1_000;

/// Ticks until `stop`, and when a call leaves something to do.
pub async fn run(core: Core, kept: TimeDelta, stop: CancellationToken) {
    let mut due = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.left.notified() => {}
            _ = due.tick() => {
                if let Err(error) = tick(&core.pool, &core.ambient, kept).await {
                    tracing::warn!(?error, "forgetting what is old failed, will try again");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            done = follow_up(&core) => if let Err(error) = done {
                tracing::warn!(?error, "taking up what was left failed, will try again");
            }
        }
    }
}

/// What an older release wrote, and what calls left: each in small transactions, shared by the replicas.
async fn follow_up(core: &Core) -> Result<()> {
    merge::restore(&core.pool, &core.ambient).await?;
    while tag::fold(core).await? {}
    while tag::clear(core).await? {}
    Ok(())
}

/// Forgets answers to old requests and feed rows older than `kept`.
pub async fn tick(pool: &Pool, ambient: &Ambient, kept: TimeDelta) -> Result<()> {
    let now = ambient.now();
    let full = BATCH.cast_unsigned();
    let mut connection = pool.acquire().await?;
    while tandem_request_log::prune(&mut connection, now, BATCH).await? == full {}
    while tandem_change_feed::prune(&mut connection, now - kept, BATCH).await? == full {}
    Ok(())
}
