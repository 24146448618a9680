use tandem_access::{Caller, Role};
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::access::known_agent;
use crate::domain::model::Operation;
use crate::store;

/// How far an operation is.
///
/// Errors: `NOT_FOUND`, also for an agent where it does not concern what they hold; `AGENT_INACTIVE`.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Operation> {
    let mut connection = app.pool.acquire().await?;
    let found = store::operation::find(&mut connection, caller.tenant()?, id).await?;
    let found = found.ok_or_else(|| Fault::not_found("operation"))?;
    if sees(&mut connection, caller, found.agent_id).await? {
        Ok(found)
    } else {
        Err(Fault::not_found("operation").into())
    }
}

/// A page of the operations over what an agent held, newest first, before an id; nothing of another agent for who only
/// sees their own.
///
/// Errors: `AGENT_INACTIVE`.
pub async fn list(
    app: &App,
    caller: &Caller,
    agent_id: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Operation>> {
    let mut connection = app.pool.acquire().await?;
    if !sees(&mut connection, caller, agent_id).await? {
        return Ok(Vec::new());
    }
    let before = before.unwrap_or(Uuid::max());
    store::operation::of_agent(&mut connection, caller.tenant()?, agent_id, before, limit).await
}

async fn sees(connection: &mut Connection, caller: &Caller, agent_id: Uuid) -> Result<bool> {
    if caller.roles.has_any(&[Role::Supervisor, Role::Admin, Role::Service]) {
        return Ok(true);
    }
    Ok(known_agent(connection, caller).await? == Some(agent_id))
}
