use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tandem_database::{Pool, Result};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store;

/// The net under the wakes: another replica may apply the feed.
const POLL: Duration = Duration::from_millis(500);

/// An agent of a tenant.
type Key = (Uuid, Uuid);

/// Wakes the streams of this process: one question a round for all the agents who watch here, never one a stream.
/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub {
    heads: Arc<Mutex<HashMap<Key, watch::Sender<i64>>>>,
    made: Arc<AtomicBool>,
    wake: Arc<Notify>,
}

impl Hub {
    /// The number of an agent's newest notification as it grows; 0 until it was first read.
    pub fn subscribe(&self, tenant_id: Uuid, agent_id: Uuid) -> watch::Receiver<i64> {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver =
            heads.entry((tenant_id, agent_id)).or_insert_with(|| watch::Sender::new(0)).subscribe();
        drop(heads);
        self.wake.notify_one();
        receiver
    }

    /// Notifications were made in a transaction that is not committed yet.
    pub fn made(&self) {
        self.made.store(true, Ordering::Release);
    }

    /// The consumer has committed: whoever waits for what it made is woken.
    pub fn committed(&self) {
        if self.made.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Looks after the heads until `stop`.
    pub async fn run(self, pool: Pool, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.refresh(&pool).await {
                tracing::warn!(?error, "the newest notifications could not be read, will try again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    async fn refresh(&self, pool: &Pool) -> Result<()> {
        let watched: Vec<Key> = {
            let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
            heads.retain(|_, head| head.receiver_count() > 0);
            heads.keys().copied().collect()
        };
        if watched.is_empty() {
            return Ok(());
        }
        let mut connection = pool.acquire().await?;
        let newest = store::notification::heads(&mut connection, &watched).await?;
        drop(connection);
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, number) in newest {
            if let Some(head) = heads.get(&key) {
                head.send_if_modified(|head| std::mem::replace(head, number) != number);
            }
        }
        Ok(())
    }
}
