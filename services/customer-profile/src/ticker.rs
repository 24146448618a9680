//! What is due by the clock, on any replica.

use std::time::Duration;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_database::{Pool, Result, begin};
use tokio_util::sync::CancellationToken;

use crate::domain::{address, merge};
use crate::store;

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
        if let Err(error) = merge::restore(&pool, &ambient).await {
            tracing::warn!(?error, "putting merges right failed, will try again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            done = address(&pool) => if let Err(error) = done {
                tracing::warn!(?error, "taking the addresses of contacts failed, will try again");
            }
        }
    }
}

/// Takes the addresses of contacts that the release before this one wrote. Several replicas share the work.
async fn address(pool: &Pool) -> Result<()> {
    loop {
        let mut tx = begin(pool).await?;
        let pending = store::address::pending(&mut tx, BATCH).await?;
        if pending.is_empty() {
            return Ok(());
        }
        let taken: Vec<_> = pending
            .into_iter()
            .map(|contact| (contact.key, contact.version, address::of(&contact.identities)))
            .collect();
        store::address::write(&mut tx, &taken).await?;
        tx.commit().await?;
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
