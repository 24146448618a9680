//! From the process that was told to the streams of all.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;
use tandem_database::Pool;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Signal;
use crate::domain::model::Actor;
use crate::store::typing::{Listener, notify};

/// Signals of one author in one conversation that are nearer to one another than this are one.
const APART: TimeDelta = TimeDelta::seconds(1);
/// Authors whose last signal a process remembers.
const REMEMBERED: u64 = 100_000;
/// Signals that wait to be told; more are dropped.
const WAITING: usize = 1_024;
/// Signals of one statement.
const BATCH: usize = 64;
/// Signals of its tenant that a stream may lag behind before it loses some.
const KEPT: usize = 256;
/// Before the connection is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Who typed what where, started or stopped.
type Last = (Uuid, Uuid, Actor, bool, bool);
/// The streams of each tenant: a signal wakes no other's.
type Tenants = RwLock<HashMap<Uuid, broadcast::Sender<Arc<Signal>>>>;

/// Carries signals between the processes of the service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    outgoing: mpsc::Sender<Signal>,
    tenants: Arc<Tenants>,
    last: Cache<Last, DateTime<Utc>>,
}

impl Hub {
    /// Tells and hears until `stop`.
    pub fn spawn(pool: Pool, stop: CancellationToken) -> Self {
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let tenants = Arc::new(Tenants::default());
        tokio::spawn(stop.clone().run_until_cancelled_owned(tell(pool.clone(), waiting)));
        tokio::spawn(stop.run_until_cancelled_owned(hear(pool, Arc::clone(&tenants))));
        // Longer than `APART` by any clock that a test may stop.
        let last = Cache::builder().max_capacity(REMEMBERED).time_to_live(Duration::from_secs(60)).build();
        Self { outgoing, tenants, last }
    }

    /// Tells the streams of every process. One that repeats an earlier one too soon is dropped.
    pub fn tell(&self, signal: Signal, now: DateTime<Utc>) {
        let Signal { tenant_id, conversation_id, author, typing, private, .. } = signal;
        let entry = self.last.entry((tenant_id, conversation_id, author, typing, private));
        let told = entry.and_compute_with(|last| match last {
            Some(last) if now - *last.value() < APART => Op::Nop,
            _ => Op::Put(now),
        });
        if matches!(told, CompResult::Inserted(_) | CompResult::ReplacedWith(_)) {
            // A full queue means that the database is slow or away: it has more important things to do.
            let _ = self.outgoing.try_send(signal);
        }
    }

    /// What is told of a tenant from now on.
    pub fn subscribe(&self, tenant_id: Uuid) -> broadcast::Receiver<Arc<Signal>> {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(tenant_id).or_insert_with(|| broadcast::channel(KEPT).0).subscribe()
    }
}

/// One statement at a time for the whole process, of what came meanwhile.
async fn tell(pool: Pool, mut waiting: mpsc::Receiver<Signal>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let payloads: Vec<String> =
            batch.drain(..).filter_map(|signal| serde_json::to_string(&signal).ok()).collect();
        if let Err(error) = notify(&pool, &payloads).await {
            tracing::debug!(?error, "who types was not told");
        }
    }
}

async fn hear(pool: Pool, tenants: Arc<Tenants>) {
    loop {
        match Listener::open(&pool).await {
            Ok(mut listener) => {
                while let Ok(payload) = listener.next().await {
                    // Another release may tell what this one does not know.
                    let Ok(signal) = serde_json::from_str::<Signal>(&payload) else { continue };
                    pass_on(&tenants, signal);
                }
            }
            Err(error) => tracing::debug!(?error, "who types can not be heard, will try again"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn pass_on(tenants: &Tenants, signal: Signal) {
    let tenant_id = signal.tenant_id;
    let sent = {
        let tenants = tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(&tenant_id).map(|streams| streams.send(Arc::new(signal)))
    };
    if matches!(sent, Some(Err(_))) {
        let mut tenants = tenants.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have come meanwhile.
        if tenants.get(&tenant_id).is_some_and(|streams| streams.receiver_count() == 0) {
            tenants.remove(&tenant_id);
        }
    }
}
