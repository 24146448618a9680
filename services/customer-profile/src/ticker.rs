//! What is due by the clock, on any replica.

use std::time::Duration;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_database::{Pool, Result};
use tokio_util::sync::CancellationToken;

use crate::domain::merge;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(60);
/// Rows that one statement forgets: short locks, small transactions.
const BATCH: i64 = 1_000;

/// Ticks until `stop`.
pub async fn run(pool: Pool, ambient: Ambient, kept: TimeDelta, stop: CancellationToken) {
    let mut due = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = due.tick() => {}
        }
        if let Err(error) = tick(&pool, &ambient, kept).await {
            tracing::warn!(?error, "forgetting what is old failed, will try again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            done = merge::restore(&pool, &ambient) => if let Err(error) = done {
                tracing::warn!(?error, "taking up what an older release wrote failed, will try again");
            }
        }
    }
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
