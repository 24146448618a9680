//! What has to happen without anybody calling: a second at a time, on any replica.

use std::time::Duration;

use tandem_database::Result;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::domain::App;
use crate::domain::tenant::Suspended;
use crate::domain::{notification, operation, presence, transfer};

const EVERY: Duration = Duration::from_secs(1);
/// Rows of a log that one tick forgets.
const MOST: i64 = 1_000;

/// Ticks until `stop`.
pub async fn run(app: App, suspended: Suspended, stop: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let ticked = tokio::select! {
            // Everything here is safe to drop at any await: each step is one transaction.
            () = stop.cancelled() => return,
            ticked = tick(&app) => ticked,
        };
        if let Err(error) = ticked.and(suspended.refresh(&app.pool).await) {
            tracing::warn!(?error, "a tick failed, the next one tries again");
        }
    }
}

/// Everything that is due at the ambient's time: orphaned reservations, answers that are due,
/// work that returns, and what is kept long enough.
pub async fn tick(app: &App) -> Result<()> {
    transfer::resolve_orphans(app).await?;
    transfer::forget(app).await?;
    notification::tell_due(app).await?;
    notification::forget(app).await?;
    presence::return_work(app).await?;
    operation::forget(app).await?;
    let now = app.ambient.now();
    let mut connection = app.pool.acquire().await?;
    tandem_request_log::prune(&mut connection, now, MOST).await?;
    tandem_change_feed::prune(&mut connection, now - tandem_request_log::KEPT, MOST).await?;
    Ok(())
}

/// Carries operations on until `stop`, beside the ticks: an operation whose transfers take long holds nothing else up.
pub async fn carry_on(app: App, stop: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        // What a drop leaves behind goes on when its lease has ended, under the same request ids.
        let carried_on = tokio::select! {
            () = stop.cancelled() => return,
            carried_on = operation::carry_on(&app) => carried_on,
        };
        if let Err(error) = carried_on {
            tracing::warn!(?error, "operations did not go on, the next round tries again");
        }
    }
}
