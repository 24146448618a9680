use std::collections::HashMap;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::problems::{self, Problem};
use super::{Owner, View, seen, standard};
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::view::Arrangement;

/// A view as one caller has it.
#[derive(Debug)]
pub struct Listed {
    pub view: View,
    /// From 1; 0 for a hidden one.
    pub position: usize,
    pub pinned: bool,
    pub problems: Vec<Problem>,
}

/// Every view that a caller sees, in the caller's order, the hidden ones last.
#[derive(Debug)]
pub struct Views {
    pub listed: Vec<Listed>,
    pub default_view_id: Option<Uuid>,
    /// Team and view.
    pub team_defaults: Vec<(Uuid, Uuid)>,
}

impl Domain {
    pub async fn views(&self, viewer: &Viewer) -> Result<Views> {
        let mut connection = self.pool.acquire().await?;
        let mut views = all(&mut connection, viewer).await?;
        let arrangement = match viewer.agent_id {
            Some(agent_id) => store::view::arrangement(&mut connection, viewer.tenant_id, agent_id).await?,
            None => Arrangement::default(),
        };
        let place: HashMap<Uuid, usize> =
            arrangement.view_ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let pinned = |view: &View| arrangement.pinned_ids.contains(&view.id);
        // A stable sort: what was not arranged keeps its order behind what was.
        views.sort_by_key(|view| {
            let at = place.get(&view.id).copied().unwrap_or(usize::MAX);
            (view.look.hidden, !pinned(view), at)
        });
        let problems = problems::of(&mut connection, viewer, &views).await?;
        let mut team_defaults = store::view::team_defaults(&mut connection, viewer).await?;
        team_defaults.retain(|(_, view_id)| views.iter().any(|view| view.id == *view_id));
        let chosen = arrangement.default_view_id.filter(|id| views.iter().any(|view| view.id == *id));
        let of_team = team_defaults.iter().find(|(team, _)| viewer.team_ids.contains(team));
        let default_view_id = chosen.or(of_team.map(|(_, view_id)| *view_id));
        let listed = views.into_iter().zip(problems).enumerate().map(|(at, (view, problems))| Listed {
            position: if view.look.hidden { 0 } else { at + 1 },
            pinned: pinned(&view),
            view,
            problems,
        });
        Ok(Views { listed: listed.collect(), default_view_id, team_defaults })
    }

    /// One view as the caller has it.
    pub async fn view(&self, viewer: &Viewer, view_id: Uuid) -> Result<Listed> {
        let listed = self.views(viewer).await?.listed.into_iter().find(|listed| listed.view.id == view_id);
        Ok(listed.ok_or_else(|| tandem_fault::Fault::not_found("view"))?)
    }

    /// What a view asks, for a list of its conversations.
    pub async fn view_to_list(&self, viewer: &Viewer, view_id: Uuid) -> Result<View> {
        let mut connection = self.pool.acquire().await?;
        let found = store::view::find(&mut connection, viewer.tenant_id, view_id).await?;
        Ok(seen(viewer, found.or_else(|| standard::find(viewer.tenant_id, view_id)))?)
    }
}

/// Every view that a caller sees: standard ones, the tenant's, the teams', the caller's own, each by age.
pub(super) async fn all(connection: &mut Connection, viewer: &Viewer) -> Result<Vec<View>> {
    let mut views = store::view::seen_by(connection, viewer).await?;
    for standard in standard::ALL {
        if views.iter().all(|view| view.standard != Some(standard)) {
            views.push(standard::define(viewer.tenant_id, standard));
        }
    }
    views.sort_by_key(|view| {
        let rank = match (view.standard, view.owner) {
            (Some(standard), _) => (0, standard.number()),
            (None, Owner::Tenant) => (1, 0),
            (None, Owner::Team(_)) => (2, 0),
            (None, Owner::Agent(_)) => (3, 0),
        };
        (rank, view.created_at, view.id)
    });
    Ok(views)
}
