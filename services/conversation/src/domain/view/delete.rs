use tandem_database::{Result, begin};
use tandem_fault::Fault;
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::Recorded;
use super::update::to_change;
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// Deletes a view. Arrangements and defaults that name it pass it over from now on.
    pub async fn delete_view(
        &self,
        viewer: &Viewer,
        request: Request,
        view_id: Uuid,
        etag: Option<i64>,
    ) -> Result<()> {
        let mut tx = begin(&self.pool).await?;
        let claimed: Option<Recorded> = request_log::claim(&mut tx, &request, self.ambient.now()).await?;
        if claimed.is_none() {
            let view = to_change(&mut tx, viewer, view_id, etag).await?;
            if view.standard.is_some() {
                let message = "must not be a standard view: hide it instead";
                return Err(Fault::invalid("view_id", message).into());
            }
            store::view::delete(&mut tx, viewer.tenant_id, view_id).await?;
            request_log::record(&mut tx, &request, &Recorded { view_id: Some(view_id) }).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
