use tandem_access::Caller;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::model::Agent;
use crate::store;

/// One agent; without an id the one that the caller's subject is, active or not.
///
/// Errors: `NOT_FOUND`.
pub async fn get(app: &App, caller: &Caller, agent_id: Option<Uuid>) -> Result<Agent> {
    let tenant_id = caller.tenant()?;
    let mut connection = app.pool.acquire().await?;
    let id = match agent_id {
        Some(id) => id,
        None => {
            let own = store::agent::of_subject(&mut connection, tenant_id, &caller.subject).await?;
            own.ok_or_else(|| Fault::not_found("agent"))?.0
        }
    };
    read(app, &mut connection, tenant_id, id).await
}

pub(super) async fn read(app: &App, connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Agent> {
    let mut found = store::agent::read(connection, &[(tenant_id, id)], app.ambient.now()).await?;
    found.pop().map(|(_, agent)| agent).ok_or_else(|| Fault::not_found("agent").into())
}
