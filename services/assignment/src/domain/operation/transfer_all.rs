use tandem_access::{Caller, Role};
use tandem_database::{Result, begin};
use tandem_fault::Fault;
use tandem_request_log::Request;
use uuid::Uuid;

use super::begin_one;
use crate::domain::App;
use crate::domain::access::{inactive, known_agent};
use crate::domain::kinds::{AgentState, OperationKind};
use crate::domain::model::{Actor, Holder, Operation};
use crate::domain::transfer::{Assignee, check_force};
use crate::store;

pub struct TransferAll {
    pub request: Request,
    pub from_agent_id: Uuid,
    pub to: Assignee,
    pub note: String,
    /// Above the other agent's capacity.
    pub force: bool,
}

/// Begins to give everything that an agent holds now to another agent or a team.
///
/// Errors: `INVALID_FIELDS` on `force` and, for an agent, on somebody else's `from_agent_id`; `NOT_FOUND` (either agent, the
/// team), `AGENT_INACTIVE` (the caller or who shall get it), `REQUEST_ID_REUSED`.
pub async fn transfer_all(app: &App, caller: &Caller, command: TransferAll) -> Result<Operation> {
    let TransferAll { request, from_agent_id, to, note, force } = command;
    let tenant_id = request.tenant_id;
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    if let Some(first) = tandem_request_log::claim(&mut tx, &request, now).await? {
        return Ok(first);
    }
    let leads = [Role::Supervisor, Role::Admin];
    check_force(caller, force, &leads)?;
    let own_agent = known_agent(&mut tx, caller).await?;
    if !caller.roles.has_any(&leads) {
        let own_agent = own_agent.ok_or_else(inactive)?;
        if own_agent != from_agent_id {
            let description = "must be the caller: only those who lead give away what others hold";
            return Err(Fault::invalid("from_agent_id", description).into());
        }
    }
    let to = match to {
        Assignee::Team(id) if !store::team::exists(&mut tx, tenant_id, id).await? => {
            return Err(Fault::not_found("team").into());
        }
        Assignee::Team(id) => Holder::team(id),
        Assignee::Agent(id) => {
            let (state, _) =
                store::agent::lock(&mut tx, tenant_id, id).await?.ok_or_else(|| Fault::not_found("agent"))?;
            if state != AgentState::Active {
                return Err(inactive().into());
            }
            Holder::agent(id)
        }
    };
    if store::agent::existing(&mut tx, tenant_id, &[from_agent_id]).await?.is_empty() {
        return Err(Fault::not_found("agent").into());
    }
    let new = store::operation::New {
        kind: OperationKind::TransferAll,
        to: Some(to),
        force,
        actor: Actor::person(own_agent),
        note: &note,
        at: now,
    };
    let operation = begin_one(&mut tx, &app.ambient, &new, tenant_id, from_agent_id).await?;
    tandem_request_log::record(&mut tx, &request, &operation).await?;
    tx.commit().await?;
    Ok(operation)
}
