use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::list::Listed;
use super::{Look, MOST_PERSONAL, MOST_SHARED, Owner, Recorded, View, no_agent, seen, standard};
use crate::domain::Domain;
use crate::domain::kinds::ViewScope;
use crate::domain::viewer::Viewer;
use crate::store;

/// Whose a new view is to be: a scope, and the team of a team's.
#[derive(Debug, Clone, Copy)]
pub struct NewOwner {
    pub scope: ViewScope,
    pub team_id: Option<Uuid>,
    /// Where the team stands in the request.
    pub team_field: &'static str,
}

impl Domain {
    pub async fn create_view(
        &self,
        viewer: &Viewer,
        request: Request,
        owner: NewOwner,
        look: Look,
    ) -> Result<Listed> {
        let mut tx = begin(&self.pool).await?;
        let recorded = match request_log::claim(&mut tx, &request, self.ambient.now()).await? {
            Some(first) => first,
            None => self.insert_view(&mut tx, viewer, &request, owner, look).await?,
        };
        tx.commit().await?;
        self.view(viewer, recorded.view_id.unwrap_or_default()).await
    }

    /// Saves a copy of a view that the caller sees, under a name if one is given.
    pub async fn copy_view(
        &self,
        viewer: &Viewer,
        request: Request,
        view_id: Uuid,
        name: String,
        owner: NewOwner,
    ) -> Result<Listed> {
        let mut tx = begin(&self.pool).await?;
        let recorded = match request_log::claim(&mut tx, &request, self.ambient.now()).await? {
            Some(first) => first,
            None => {
                let found = store::view::find(&mut tx, viewer.tenant_id, view_id).await?;
                let found = found.or_else(|| standard::find(viewer.tenant_id, view_id));
                let mut look = seen(viewer, found)?.look;
                look.hidden = false;
                if !name.is_empty() {
                    look.name = name;
                }
                self.insert_view(&mut tx, viewer, &request, owner, look).await?
            }
        };
        tx.commit().await?;
        self.view(viewer, recorded.view_id.unwrap_or_default()).await
    }

    async fn insert_view(
        &self,
        connection: &mut Connection,
        viewer: &Viewer,
        request: &Request,
        owner: NewOwner,
        look: Look,
    ) -> Result<Recorded> {
        let owner = resolve(connection, viewer, owner).await?;
        // One at a time in a tenant, so that the limit holds.
        if !store::view::lock_tenant(connection, viewer.tenant_id).await? {
            return Err(Fault::not_found("tenant").into());
        }
        let most = if matches!(owner, Owner::Agent(_)) { MOST_PERSONAL } else { MOST_SHARED };
        if store::view::number(connection, viewer.tenant_id, owner, most).await? >= most {
            let message = format!("at most {most} views");
            return Err(Fault::new(Reason::LimitReached, message).with("limit", most).into());
        }
        let now = Some(self.ambient.now());
        let id = self.ambient.id();
        let view = View { id, owner, standard: None, look, created_at: now, updated_at: now, version: 1 };
        store::view::insert(connection, viewer.tenant_id, &view).await?;
        let recorded = Recorded { view_id: Some(id) };
        request_log::record(connection, request, &recorded).await?;
        Ok(recorded)
    }
}

async fn resolve(connection: &mut Connection, viewer: &Viewer, new: NewOwner) -> Result<Owner> {
    let owner = match (new.scope, new.team_id) {
        (ViewScope::Personal, _) => Owner::Agent(viewer.agent_id.ok_or_else(no_agent)?),
        (ViewScope::Team, Some(team)) => Owner::Team(team),
        (ViewScope::Team, None) => return Err(Fault::invalid(new.team_field, "must be set").into()),
        (ViewScope::Tenant, _) => Owner::Tenant,
    };
    owner.lets(viewer)?;
    if let Owner::Team(team) = owner
        && !store::view::has_team(connection, viewer.tenant_id, team).await?
    {
        return Err(Fault::invalid(new.team_field, "must be a team of the tenant").into());
    }
    Ok(owner)
}
