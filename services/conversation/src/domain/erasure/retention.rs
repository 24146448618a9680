use chrono::{DateTime, TimeDelta, Utc};
use tandem_database::{Result, begin};
use tandem_request_log::{self as request_log, Request};

use super::conversations::by_tenant;
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

/// Conversations that one round takes.
const DUE: i64 = 100;
/// Rounds of one tick: many become due when a rule is set, and what else is due waits for none of it.
const ROUNDS: usize = 5;

impl Domain {
    /// Days that closed conversations are kept; 0 for good.
    pub async fn retention(&self, viewer: &Viewer) -> Result<i32> {
        let mut connection = self.pool.acquire().await?;
        store::retention::find(&mut connection, viewer.tenant_id).await
    }

    pub async fn update_retention(&self, viewer: &Viewer, request: Request, closed_days: i32) -> Result<i32> {
        let mut tx = begin(&self.pool).await?;
        if let Some(first) = request_log::claim::<i32>(&mut tx, &request, self.ambient.now()).await? {
            return Ok(first);
        }
        store::retention::save(&mut tx, viewer.tenant_id, closed_days).await?;
        request_log::record(&mut tx, &request, &closed_days).await?;
        tx.commit().await?;
        Ok(closed_days)
    }

    /// Erases what was closed for longer than its tenant keeps it, and goes on with what others began.
    pub async fn retain(&self, now: DateTime<Utc>) -> Result<()> {
        for _ in 0..ROUNDS {
            let mut connection = self.pool.acquire().await?;
            let due = store::retention::due(&mut connection, now, DUE).await?;
            for (tenant_id, ids) in by_tenant(due.iter().copied()) {
                let days = store::retention::find(&mut connection, tenant_id).await?;
                let before = now - TimeDelta::days(days.into());
                let old = |closed_at: Option<DateTime<Utc>>| closed_at.is_some_and(|at| at < before);
                self.begin_erasing(tenant_id, &ids, |found| days > 0 && old(found.closed_at)).await?;
            }
            drop(connection);
            if !self.empty_begun().await? {
                break;
            }
        }
        Ok(())
    }
}
