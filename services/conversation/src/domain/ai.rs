//! Work for the AI: conversations that it holds and that wait, leased to one worker at a time.

use chrono::{DateTime, TimeDelta, Utc};
use tandem_database::Result;
use uuid::Uuid;

use super::Domain;
use super::kinds::{HolderKind, Status};
use super::model::Row;
use super::viewer::Viewer;
use crate::store;

/// One leased piece of work.
#[derive(Debug)]
pub struct Work {
    pub row: Row,
    pub lease_until: DateTime<Utc>,
}

impl Domain {
    /// Leases waiting conversations to a worker, so that it holds at most `most`; longest waiting first.
    pub async fn lease_ai_work(
        &self,
        viewer: &Viewer,
        worker: Uuid,
        channel_ids: &[Uuid],
        most: i64,
        lease: TimeDelta,
    ) -> Result<Vec<Work>> {
        let now = self.ambient.now();
        let until = now + lease;
        let mut connection = self.pool.acquire().await?;
        let free = most - store::ai::held(&mut connection, viewer.tenant_id, worker, now).await?;
        if free <= 0 {
            return Ok(Vec::new());
        }
        let tenant_id = viewer.tenant_id;
        let ids = store::ai::lease(&mut connection, tenant_id, channel_ids, worker, now, until, free).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = store::row::read(&mut connection, tenant_id, &ids, None).await?;
        // What changed hands since the lease is no work any more; the fence would refuse it anyway.
        rows.retain(|row| {
            row.conversation.holder.kind == HolderKind::Ai && row.conversation.status != Status::Closed
        });
        rows.sort_by_key(|row| row.conversation.waiting_since);
        Ok(rows.into_iter().map(|row| Work { row, lease_until: until }).collect())
    }

    /// Gives a worker's leases back when its stream ends.
    pub async fn release_ai_work(&self, tenant_id: Uuid, worker: Uuid) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        store::ai::release(&mut connection, tenant_id, worker).await
    }
}
