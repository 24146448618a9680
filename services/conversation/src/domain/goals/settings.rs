use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};

use super::Goals;
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// Replaces the tenant's goals, whose version says which ones.
    pub async fn update_goals(&self, viewer: &Viewer, request: Request, goals: &Goals) -> Result<Goals> {
        let mut tx = begin(&self.pool).await?;
        if request_log::claim::<()>(&mut tx, &request, self.ambient.now()).await?.is_none() {
            if store::tenant::find(&mut tx, &[viewer.tenant_id]).await?.is_empty() {
                return Err(Fault::not_found("tenant").into());
            }
            // No label is put on, renamed or merged meanwhile by who knows the former goals.
            store::label::hold_alone(&mut tx, viewer.tenant_id).await?;
            if !store::goals::save(&mut tx, viewer.tenant_id, goals).await? {
                return Err(Fault::new(Reason::EtagMismatch, "the goals changed since they were read").into());
            }
            store::due::ask_anew(&mut tx, viewer.tenant_id).await?;
            request_log::record(&mut tx, &request, &()).await?;
        }
        tx.commit().await?;
        self.goals(viewer).await
    }

    pub async fn goals(&self, viewer: &Viewer) -> Result<Goals> {
        let mut connection = self.pool.acquire().await?;
        store::goals::find(&mut connection, viewer.tenant_id).await
    }
}
