use tandem_database::Result;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::model::Agent;
use crate::store;

/// A page of agents in the order of their ids, after the given one.
pub async fn list(app: &App, tenant_id: Uuid, after: Option<Uuid>, limit: i64) -> Result<Vec<Agent>> {
    let mut connection = app.pool.acquire().await?;
    store::agent::page(&mut connection, tenant_id, after.unwrap_or_default(), limit).await
}
