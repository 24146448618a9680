use tandem_database::{Result, begin};
use tandem_fault::Fault;
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::transfer::SCOPE;
use crate::domain::Domain;
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;

impl Domain {
    /// The first answer to a transfer, or a refusal that is recorded now, so that a delayed call cannot land later. Waits
    /// for one that is under way.
    pub async fn resolve_transfer(&self, viewer: &Viewer, request_id: Uuid) -> Result<Option<Outcome>> {
        let mut tx = begin(&self.pool).await?;
        let request = Request::new(viewer.tenant_id, SCOPE, request_id, &[]);
        let answer = request_log::refuse(&mut tx, &request, self.ambient.now()).await?;
        tx.commit().await?;
        let Some(answer) = answer else { return Ok(None) };
        let recorded: Recorded = serde_json::from_slice(&answer).map_err(Fault::internal)?;
        self.outcome(viewer, recorded).await.map(Some)
    }
}
