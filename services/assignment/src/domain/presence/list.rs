use tandem_database::Result;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::model::There;
use crate::domain::team;
use crate::store;

/// Whose presence is asked for.
#[derive(Debug, Clone)]
pub enum Whose {
    Team(Uuid),
    Agents(Vec<Uuid>),
}

/// Who of a team, or of some agents, is there, in the order of their ids.
///
/// Errors: `NOT_FOUND` for the team.
pub async fn list(app: &App, tenant_id: Uuid, whose: Whose) -> Result<Vec<There>> {
    let agents = match whose {
        Whose::Team(team_id) => team::get(app, tenant_id, team_id).await?.agent_ids,
        Whose::Agents(agents) => agents,
    };
    let mut connection = app.pool.acquire().await?;
    store::presence::list(&mut connection, tenant_id, &agents, app.ambient.now()).await
}
