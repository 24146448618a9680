use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::carry_out::{Begun, Pending, go_on};
use super::{Command, Transfer};
use crate::domain::App;
use crate::domain::access::inactive;
use crate::domain::kinds::AgentState;
use crate::peer;
use crate::store;
use crate::store::reservation::New;

/// What a change of holder takes of an agent's capacity.
#[derive(Debug, Clone, Copy)]
pub enum Taken {
    Nothing,
    /// Counts, and is refused when the agent is full.
    Within(Uuid),
    /// Counts, and may exceed.
    Beyond(Uuid),
}

impl Taken {
    fn agent_id(self) -> Option<Uuid> {
        match self {
            Self::Nothing => None,
            Self::Within(id) | Self::Beyond(id) => Some(id),
        }
    }
}

/// Writes the reservation under the request id, before conversation is called. A duplicate waits for the first and goes on
/// with what that one reserved; a released one is reserved anew.
///
/// Errors: `REQUEST_ID_REUSED`, `NOT_FOUND` for the agent, `AGENT_INACTIVE`, `CAPACITY_FULL`.
pub async fn reserve(app: &App, command: &Command, transfer: &Transfer, taken: Taken) -> Result<Begun> {
    let mut tx = begin(&app.pool).await?;
    let begun = reserve_in(app, &mut tx, command, transfer, taken).await?;
    tx.commit().await?;
    Ok(begun)
}

/// As [`reserve`], in a transaction of the caller's.
pub async fn reserve_in(
    app: &App,
    connection: &mut Connection,
    command: &Command,
    transfer: &Transfer,
    taken: Taken,
) -> Result<Begun> {
    let mut encoded = peer::encode(transfer)?;
    let new = New {
        request: &command.request,
        conversation_id: command.conversation_id,
        agent_id: taken.agent_id(),
        transfer: &encoded,
        at: app.ambient.now(),
    };
    let (mut attempt, mut transfer_id) = (1, transfer.request_id);
    if !store::reservation::insert(connection, &new).await? {
        let first =
            store::reservation::lock(connection, command.request.tenant_id, command.request.request_id).await?;
        // Reservations are deleted after thirty days alone, so the row that was in the way is there.
        let first = first
            .ok_or_else(|| Fault::new(Reason::RequestInProgress, "the request id was just forgotten"))?;
        let first_id = first.transfer_id;
        if let Some(begun) = go_on(connection, command, first, new.at).await? {
            return Ok(begun);
        }
        // Under the first id conversation may have refused it for good.
        transfer_id = first_id;
        let again = peer::encode(&Transfer { request_id: transfer_id, ..transfer.clone() })?;
        attempt = store::reservation::renew(connection, &New { transfer: &again, ..new }).await?;
        encoded = again;
    }
    take(connection, command, taken).await?;
    Ok(Begun::Pending(Pending {
        tenant_id: command.request.tenant_id,
        request_id: command.request.request_id,
        transfer_id,
        attempt,
        expected_epoch: command.expected_epoch,
        transfer: encoded,
    }))
}

/// Takes the agent's capacity. The lock on the agent's row makes the count and the reservation one step.
async fn take(connection: &mut Connection, command: &Command, taken: Taken) -> Result<()> {
    let Some(agent_id) = taken.agent_id() else { return Ok(()) };
    let tenant_id = command.request.tenant_id;
    let locked = store::agent::lock(connection, tenant_id, agent_id).await?;
    let (state, capacity) = locked.ok_or_else(|| Fault::not_found("agent"))?;
    if state != AgentState::Active {
        return Err(inactive().into());
    }
    if matches!(taken, Taken::Within(_)) && capacity > 0 {
        // A new statement: it sees every reservation that was committed before the lock was had.
        let others =
            store::reservation::taken(connection, tenant_id, agent_id, command.conversation_id, capacity)
                .await?;
        if others >= i64::from(capacity) {
            let fault = Fault::new(Reason::CapacityFull, "the agent holds as many conversations as it may");
            return Err(fault.with("capacity", capacity).into());
        }
    }
    Ok(())
}
