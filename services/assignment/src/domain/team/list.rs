use tandem_database::Result;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::model::Team;
use crate::store;

/// A page of teams in the order of their ids, after the given one.
pub async fn list(app: &App, tenant_id: Uuid, after: Option<Uuid>, limit: i64) -> Result<Vec<Team>> {
    let mut connection = app.pool.acquire().await?;
    store::team::page(&mut connection, tenant_id, after.unwrap_or_default(), limit).await
}
