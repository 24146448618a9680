use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::model::Team;
use crate::store;

/// One team.
///
/// Errors: `NOT_FOUND`.
pub async fn get(app: &App, tenant_id: Uuid, team_id: Uuid) -> Result<Team> {
    let mut connection = app.pool.acquire().await?;
    let mut found = store::team::read(&mut connection, &[(tenant_id, team_id)]).await?;
    found.pop().map(|(_, team)| team).ok_or_else(|| Fault::not_found("team").into())
}
