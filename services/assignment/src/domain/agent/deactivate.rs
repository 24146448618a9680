use tandem_access::Caller;
use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Connection, Result, begin};
use tandem_fault::Fault;
use tandem_request_log::Request;
use uuid::Uuid;

use crate::domain::kinds::{AgentState, OperationKind, Presence};
use crate::domain::model::{Actor, Agent, Operation};
use crate::domain::{App, Changed, kept, operation, repeated};
use crate::store;

/// An agent who works no more, and what returns what the agent holds.
#[derive(Debug)]
pub struct Deactivated {
    pub agent: Agent,
    pub operation: Operation,
}

/// Ends an agent's work. From the commit on nothing is assigned to the agent: whoever reserves looks at the state under the
/// agent's lock.
///
/// Errors: `NOT_FOUND`, `REQUEST_ID_REUSED`.
pub async fn deactivate(
    app: &App,
    caller: &Caller,
    request: Request,
    agent_id: Uuid,
) -> Result<Changed<Deactivated>> {
    let tenant_id = request.tenant_id;
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    if let Some((agent, operation, written)) = tandem_request_log::claim(&mut tx, &request, now).await? {
        return Ok(app.changed(Deactivated { agent, operation }, repeated(written)));
    }
    store::agent::lock(&mut tx, tenant_id, agent_id).await?.ok_or_else(|| Fault::not_found("agent"))?;
    let mut agent = super::get::read(app, &mut tx, tenant_id, agent_id).await?;
    let mut written = None;
    if agent.state == AgentState::Active {
        agent.state = AgentState::Deactivated;
        agent.presence = Presence::Offline;
        agent.version += 1;
        store::agent::update(&mut tx, tenant_id, &agent).await?;
        store::presence::remove(&mut tx, tenant_id, agent_id).await?;
        let row = Row { tenant_id, kind: ChangeKind::Agent, entity_id: agent_id, version: agent.version };
        written = outbox::write(&mut tx, &app.ambient, &[row]).await?;
    }
    let new = store::operation::New {
        kind: OperationKind::Deactivate,
        to: None,
        force: false,
        actor: actor(&mut tx, caller).await?,
        note: "",
        at: now,
    };
    let operation = operation::begin_one(&mut tx, &app.ambient, &new, tenant_id, agent_id).await?;
    tandem_request_log::record(&mut tx, &request, &(&agent, &operation, kept(written))).await?;
    tx.commit().await?;
    Ok(app.changed(Deactivated { agent, operation }, written))
}

/// Who deactivates, where it is an agent of the tenant who still works.
async fn actor(connection: &mut Connection, caller: &Caller) -> Result<Actor> {
    let own = store::agent::of_subject(connection, caller.tenant()?, &caller.subject).await?;
    Ok(Actor::person(own.filter(|(_, state)| *state == AgentState::Active).map(|(id, _)| id)))
}
