//! The rules: a folder a noun, a file a verb. Every write opens its transaction, locks contacts before conversations,
//! both in the order of their ids, and commits once.

pub mod ai;
pub mod asked;
pub mod attention;
pub mod channel;
pub mod content;
pub mod conversation;
pub mod erasure;
pub mod filter;
pub mod goals;
pub mod holder;
pub mod ingest;
pub mod kinds;
pub mod label;
pub mod model;
pub mod order;
pub mod outbound;
pub mod recorded;
pub mod tenant;
pub mod tick;
pub mod typing;
pub mod view;
pub mod viewer;
pub mod watch;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use tandem_access::Caller;
use tandem_ambient::Ambient;
use tandem_change_feed::{Freshness, Sequencer, Tail};
use tandem_database::{Pool, Result, begin};
use tandem_fault::Fault;
use tandem_signed_token::Signer;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store;
use viewer::Viewer;

/// What every operation stands on. Cheap to clone.
#[derive(Clone)]
pub struct Domain {
    pub pool: Pool,
    pub ambient: Ambient,
    pub sequencer: Sequencer,
    pub tail: Tail,
    pub freshness: Freshness,
    pub signer: Signer,
    pub stop: CancellationToken,
    pub typing: typing::hub::Hub,
    /// Tenants' dedup keys: never rotated, so never stale.
    dedup_keys: Cache<Uuid, [u8; 32]>,
    /// Tenants' phrases with their versions, which every use compares.
    phrases: Cache<Uuid, Arc<attention::matcher::Phrases>>,
    /// The minute in which this process last noted a call of a channel's adapter, by tenant and channel.
    adapters: Cache<(Uuid, Uuid), DateTime<Utc>>,
    group: Arc<ingest::group::GroupCommit>,
}

impl Domain {
    pub fn new(
        pool: Pool,
        ambient: Ambient,
        sequencer: Sequencer,
        tail: Tail,
        freshness: Freshness,
        signer: Signer,
        stop: CancellationToken,
    ) -> Self {
        let dedup_keys =
            Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(3_600)).build();
        // A database restored from a backup may give a version twice: nothing is remembered for long.
        let phrases = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(300)).build();
        let typing = typing::hub::Hub::spawn(pool.clone(), stop.clone());
        Self {
            pool,
            ambient,
            sequencer,
            tail,
            freshness,
            signer,
            stop,
            typing,
            dedup_keys,
            phrases,
            adapters: Cache::builder().max_capacity(10_000).build(),
            group: Arc::new(ingest::group::GroupCommit::default()),
        }
    }

    /// Who calls, and what they may see.
    pub async fn viewer(&self, caller: &Caller) -> Result<Viewer> {
        let mut connection = self.pool.acquire().await?;
        Viewer::of(&mut connection, caller).await
    }

    async fn dedup_key(&self, tenant_id: Uuid) -> Result<[u8; 32]> {
        if let Some(key) = self.dedup_keys.get(&tenant_id) {
            return Ok(key);
        }
        let mut tx = begin(&self.pool).await?;
        let tenant = store::tenant::find(&mut tx, &[tenant_id]).await?.pop();
        let key = tenant.ok_or_else(|| Fault::not_found("tenant"))?.dedup_key;
        self.dedup_keys.insert(tenant_id, key);
        Ok(key)
    }
}
