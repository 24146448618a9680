//! Gives what waits in queues to who is free: every half second, on every replica, so that there is no leader to lose.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::domain::App;
use crate::domain::routing;

const EVERY: Duration = Duration::from_millis(500);

/// Routes until `stop`.
pub async fn run(app: App, stop: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        let routed = tokio::select! {
            // Safe to drop at any await: what was reserved and not heard of is resolved by `tick`.
            () = stop.cancelled() => return,
            routed = routing::route(&app) => routed,
        };
        if let Err(error) = routed {
            tracing::warn!(?error, "a pass of routing failed, the next one tries again");
        }
    }
}
