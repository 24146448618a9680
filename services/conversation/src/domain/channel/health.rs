//! Whether a channel's adapter does its work.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

/// Waiting replies are counted up to here.
const MOST_COUNTED: i64 = 1_000;

/// How a channel's adapter does.
#[derive(Debug)]
pub struct Health {
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Replies that have not begun to leave, at most a thousand.
    pub queue_length: i64,
    /// There are more.
    pub at_least: bool,
    /// When the oldest of them was written.
    pub oldest_queued_at: Option<DateTime<Utc>>,
}

impl Domain {
    /// How the adapter of a channel in the caller's scope does, at a cost that does not grow with the queue.
    pub async fn channel_health(&self, viewer: &Viewer, id: Uuid) -> Result<Health> {
        let mut connection = self.pool.acquire().await?;
        let channel = store::channel::find_one(&mut connection, viewer.tenant_id, id).await?;
        let channel = channel.filter(|channel| viewer.scope.covers(channel.id));
        let channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
        let queue = store::outbound::queue(&mut connection, viewer.tenant_id, id, MOST_COUNTED).await?;
        Ok(Health {
            last_seen_at: channel.last_seen_at,
            queue_length: queue.length.min(MOST_COUNTED),
            at_least: queue.length > MOST_COUNTED,
            oldest_queued_at: queue.oldest,
        })
    }

    /// Notes that a channel's adapter called, to the minute, so that a busy one's row is not written by every call. What
    /// it called for does not fail with it.
    pub async fn adapter_called(&self, tenant_id: Uuid, channel_id: Uuid) {
        let now = self.ambient.now();
        let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
        if self.adapters.get(&(tenant_id, channel_id)) == Some(minute) {
            return;
        }
        let noted = async {
            let mut connection = self.pool.acquire().await?;
            store::channel::seen(&mut connection, tenant_id, channel_id, minute).await
        };
        match noted.await {
            Ok(()) => self.adapters.insert((tenant_id, channel_id), minute),
            Err(error) => tracing::warn!(?error, %channel_id, "an adapter's call was not noted"),
        }
    }
}
