use tandem_database::{Connection, Result, begin};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::list::Listed;
use super::{Look, Recorded, View, changed_since, seen, standard};
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

/// Which parts of a view an update changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ViewMask {
    pub name: bool,
    pub icon: bool,
    pub colour: bool,
    pub filter: bool,
    pub order: bool,
    pub columns: bool,
    pub hidden: bool,
}

impl Domain {
    /// Changes the masked parts of a view whose etag (its version) is still the caller's. A standard view gets a row with
    /// its first change.
    pub async fn update_view(
        &self,
        viewer: &Viewer,
        request: Request,
        view_id: Uuid,
        etag: i64,
        mask: ViewMask,
        new: Look,
    ) -> Result<Listed> {
        let mut tx = begin(&self.pool).await?;
        let claimed: Option<Recorded> = request_log::claim(&mut tx, &request, self.ambient.now()).await?;
        if claimed.is_none() {
            let mut view = to_change(&mut tx, viewer, view_id, Some(etag)).await?;
            merge(&mut view.look, new, mask);
            let now = self.ambient.now();
            view.created_at = view.created_at.or(Some(now));
            view.updated_at = Some(now);
            view.version += 1;
            // The first change of a standard view inserts; another's first change may have come in between.
            let written = match view.version {
                1 => store::view::insert(&mut tx, viewer.tenant_id, &view).await?,
                _ => store::view::save(&mut tx, viewer.tenant_id, &view).await?,
            };
            if !written {
                return Err(changed_since().into());
            }
            request_log::record(&mut tx, &request, &Recorded { view_id: Some(view_id) }).await?;
        }
        tx.commit().await?;
        self.view(viewer, view_id).await
    }
}

/// A view, locked, that the caller sees, may change, and knows as it is.
pub(super) async fn to_change(
    connection: &mut Connection,
    viewer: &Viewer,
    view_id: Uuid,
    etag: Option<i64>,
) -> Result<View> {
    let found = store::view::lock(connection, viewer.tenant_id, view_id).await?;
    let view = seen(viewer, found.or_else(|| standard::find(viewer.tenant_id, view_id)))?;
    view.owner.lets(viewer)?;
    if etag.is_some_and(|etag| etag != view.version) {
        return Err(changed_since().into());
    }
    Ok(view)
}

fn merge(look: &mut Look, new: Look, mask: ViewMask) {
    if mask.name {
        look.name = new.name;
    }
    if mask.icon {
        look.icon = new.icon;
    }
    if mask.colour {
        look.colour = new.colour;
    }
    if mask.filter {
        look.filter = new.filter;
    }
    if mask.order {
        look.order = new.order;
    }
    if mask.columns {
        look.columns = new.columns;
    }
    if mask.hidden {
        look.hidden = new.hidden;
    }
}
