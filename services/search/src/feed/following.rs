use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tandem_ambient::Ambient;
use tandem_bootstrap::InternalChannel;
use tandem_change_feed::ChangeKind;
use tandem_database::{Pool, Result};
use tandem_proto::feed::v1::SnapshotRequest;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tokio_util::sync::CancellationToken;

use crate::domain::lag::{Heads, Lag};
use crate::store;
use crate::store::feed::Applied;

/// How far a feed is, and with it how far its index is behind: known to every replica, also to those that do not index.
#[derive(Clone)]
pub struct Following {
    pub feed: &'static str,
    kind: ChangeKind,
    pool: Pool,
    ambient: Ambient,
    heads: Arc<Heads>,
}

impl Following {
    pub fn new(feed: &'static str, kind: ChangeKind, pool: Pool, ambient: Ambient) -> Self {
        Self { feed, kind, pool, ambient, heads: Arc::default() }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.ambient.now()
    }

    /// How far the index is behind now.
    pub async fn lag(&self) -> Result<Lag> {
        let mut connection = self.pool.acquire().await?;
        let applied = store::feed::applied(&mut connection, self.feed).await?;
        Ok(self.lag_at(applied))
    }

    pub fn lag_at(&self, applied: Applied) -> Lag {
        self.heads.lag(applied.seq, self.ambient.now())
    }

    /// Notes a number that the feed has reached.
    pub fn reached(&self, seq: i64) {
        self.heads.note(seq, self.ambient.now(), false);
    }

    /// A rebuild began: the feed has another history, whose numbers may be lower.
    pub fn restarted(&self) {
        self.heads.note(0, self.ambient.now(), true);
    }

    /// Asks the feed for its head again and again until `stop`: an indexer that stands still is told as well.
    pub async fn watch(self, channel: InternalChannel, every: Duration, stop: CancellationToken) {
        let mut client = ChangeFeedServiceClient::new(channel);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let mut request = tonic::Request::new(SnapshotRequest {
                kinds: vec![self.kind.into()],
                page_token: String::new(),
                page_size: 1,
            });
            request.set_timeout(every.max(Duration::from_secs(1)) * 2);
            match client.snapshot(request).await {
                Ok(answer) => self.reached(answer.into_inner().head.map_or(0, |head| head.seq)),
                Err(status) => tracing::debug!(feed = self.feed, %status, "the feed's head is not known"),
            }
        }
    }
}
