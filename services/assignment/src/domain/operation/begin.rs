use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::model::Operation;
use crate::store;
use crate::store::operation::New;

/// Begins an operation over what each of some agents, (tenant, agent), holds now.
pub async fn begin_each(
    connection: &mut Connection,
    ambient: &Ambient,
    new: &New<'_>,
    agents: &[(Uuid, Uuid)],
) -> Result<Vec<Uuid>> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<(Uuid, Uuid, Uuid)> =
        agents.iter().map(|(tenant_id, agent_id)| (*tenant_id, ambient.id(), *agent_id)).collect();
    store::operation::insert(connection, new, &keys).await?;
    let begun: Vec<(Uuid, Uuid)> = keys.iter().map(|(tenant_id, id, _)| (*tenant_id, *id)).collect();
    store::operation::find_held(connection, &begun).await?;
    Ok(begun.into_iter().map(|(_, id)| id).collect())
}

/// Begins one operation over what an agent holds now.
pub async fn begin_one(
    connection: &mut Connection,
    ambient: &Ambient,
    new: &New<'_>,
    tenant_id: Uuid,
    agent_id: Uuid,
) -> Result<Operation> {
    let begun = begin_each(connection, ambient, new, &[(tenant_id, agent_id)]).await?;
    let id = begun.first().copied().unwrap_or_default();
    let found = store::operation::find(connection, tenant_id, id).await?;
    found.ok_or_else(|| Fault::internal("an operation that was just begun is not there").into())
}
