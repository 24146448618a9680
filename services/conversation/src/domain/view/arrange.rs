use std::collections::HashSet;

use tandem_database::{Result, begin};
use tandem_fault::{Fault, Violations};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::list::{Listed, all};
use super::{Owner, Recorded, no_agent, seen, standard};
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// Puts the calling agent's views in an order, with what is pinned. Answers what it now sees.
    pub async fn arrange_views(
        &self,
        viewer: &Viewer,
        request: Request,
        views: &[(Uuid, bool)],
    ) -> Result<Vec<Listed>> {
        let agent_id = viewer.agent_id.ok_or_else(no_agent)?;
        let mut tx = begin(&self.pool).await?;
        let claimed: Option<Recorded> = request_log::claim(&mut tx, &request, self.ambient.now()).await?;
        if claimed.is_none() {
            let known: HashSet<Uuid> = all(&mut tx, viewer).await?.iter().map(|view| view.id).collect();
            let mut v = Violations::new();
            for (at, (id, _)) in views.iter().enumerate() {
                v.check(
                    known.contains(id),
                    &format!("views[{at}].view_id"),
                    "must be a view of the caller's",
                );
            }
            v.finish()?;
            let ids: Vec<Uuid> = views.iter().map(|(id, _)| *id).collect();
            let pinned: Vec<Uuid> = views.iter().filter(|(_, pinned)| *pinned).map(|(id, _)| *id).collect();
            store::view::arrange(&mut tx, viewer.tenant_id, agent_id, &ids, &pinned).await?;
            request_log::record(&mut tx, &request, &Recorded::default()).await?;
        }
        tx.commit().await?;
        let mut listed = self.views(viewer).await?.listed;
        listed.retain(|listed| !listed.view.look.hidden);
        Ok(listed)
    }

    /// Says which view opens first, for the calling agent or for a team. Answers it again.
    pub async fn set_default_view(
        &self,
        viewer: &Viewer,
        request: Request,
        view_id: Option<Uuid>,
        team_id: Option<Uuid>,
    ) -> Result<Option<Uuid>> {
        let tenant_id = viewer.tenant_id;
        let mut tx = begin(&self.pool).await?;
        if let Some(first) = request_log::claim::<Recorded>(&mut tx, &request, self.ambient.now()).await? {
            return Ok(first.view_id);
        }
        let view = match view_id {
            Some(id) => {
                let found = store::view::find(&mut tx, tenant_id, id).await?;
                Some(seen(viewer, found.or_else(|| standard::find(tenant_id, id)))?)
            }
            None => None,
        };
        match team_id {
            Some(team) => {
                Owner::Team(team).lets(viewer)?;
                if !store::view::has_team(&mut tx, tenant_id, team).await? {
                    return Err(Fault::not_found("team").into());
                }
                let theirs = |owner| owner == Owner::Tenant || owner == Owner::Team(team);
                if view.is_some_and(|view| !theirs(view.owner)) {
                    return Err(
                        Fault::invalid("view_id", "must be a view of the team or of the tenant").into()
                    );
                }
                store::view::set_team_default(&mut tx, tenant_id, team, view_id).await?;
            }
            None => {
                let agent_id = viewer.agent_id.ok_or_else(no_agent)?;
                store::view::set_agent_default(&mut tx, tenant_id, agent_id, view_id).await?;
            }
        }
        request_log::record(&mut tx, &request, &Recorded { view_id }).await?;
        tx.commit().await?;
        Ok(view_id)
    }
}
