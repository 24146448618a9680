use tandem_access::Caller;
use tandem_database::begin;
use tandem_fault::{Fault, Reason};
use tandem_request_log::Request;
use uuid::Uuid;

use super::carry_out::{Begun, begin_again, carry_out};
use super::reserve::{Taken, reserve_in};
use super::settle::decide;
use super::{Command, Error, Result, Transfer};
use crate::domain::App;
use crate::domain::access::active_agent;
use crate::domain::kinds::Cause;
use crate::domain::model::{Actor, Holder};
use crate::store;

pub struct ClaimNext {
    pub request: Request,
    /// Of this team's queue alone.
    pub team_id: Option<Uuid>,
}

/// How often others may be faster.
const TRIES: usize = 5;

/// The caller takes what is next in the queues of their teams, within their capacity. Answers conversation's first answer,
/// encoded; `None` when nothing waits, or others are just taking what does.
///
/// What is next is locked while it is reserved, so that two who claim at once never get the same. Where conversation refuses
/// it all the same (the queue lags behind it), the next one is tried.
///
/// Errors: `AGENT_INACTIVE`, `NOT_FOUND` for a team that the caller is not a member of, `CAPACITY_FULL`,
/// `REQUEST_IN_PROGRESS`.
pub async fn claim_next(app: &App, caller: &Caller, claim: ClaimNext) -> Result<Option<Vec<u8>>> {
    let ClaimNext { request, team_id } = claim;
    // Which conversation it is, the queue decides.
    let mut command = Command { request, conversation_id: Uuid::nil(), expected_epoch: 0, force: false };
    match begin_again(app, &command).await? {
        Some(Begun::Answered(answer)) => return Ok(Some(answer)),
        // Nobody knows any more at which epoch the earlier call found it: it is not sent again, but asked about.
        Some(Begun::Pending(pending)) => {
            if let Some(answer) = earlier(app, &command, pending.transfer_id).await? {
                return Ok(Some(answer));
            }
        }
        None => {}
    }
    let mut tried = Vec::new();
    for _ in 0..TRIES {
        let Some(begun) = reserve_next(app, caller, &mut command, team_id, &tried).await? else {
            return Ok(None);
        };
        let transfer_id = match &begun {
            Begun::Answered(_) => None,
            Begun::Pending(pending) => Some(pending.transfer_id),
        };
        match (carry_out(app, begun).await, transfer_id) {
            (Err(Error::Refused(refused)), Some(transfer_id)) if refused.is_stale() => {
                // An earlier call of this request may still be under way: it must not land beside the next one.
                if let Some(answer) = earlier(app, &command, transfer_id).await? {
                    return Ok(Some(answer));
                }
                tried.push(command.conversation_id);
            }
            (answer, _) => return answer.map(Some),
        }
    }
    Err(faster().into())
}

async fn earlier(app: &App, command: &Command, transfer_id: Uuid) -> Result<Option<Vec<u8>>> {
    let Request { tenant_id, request_id, .. } = command.request;
    Ok(decide(app, tenant_id, request_id, transfer_id).await?)
}

/// Reserves what is next and on its way to nobody; `None` when nothing waits.
async fn reserve_next(
    app: &App,
    caller: &Caller,
    command: &mut Command,
    team_id: Option<Uuid>,
    tried: &[Uuid],
) -> tandem_database::Result<Option<Begun>> {
    let tenant_id = command.request.tenant_id;
    for _ in 0..TRIES {
        let mut tx = begin(&app.pool).await?;
        let agent_id = active_agent(&mut tx, caller).await?;
        let mut teams = store::team::of_agent(&mut tx, tenant_id, agent_id).await?;
        if let Some(team_id) = team_id {
            teams.retain(|team| *team == team_id);
            if teams.is_empty() {
                return Err(Fault::not_found("team").into());
            }
        }
        let next = store::queue::lock_next(&mut tx, tenant_id, &teams, tried).await?;
        let Some((conversation_id, epoch)) = next else { return Ok(None) };
        // A new statement: it sees every reservation that was committed before the lock was had.
        if store::queue::is_reserved(&mut tx, tenant_id, conversation_id).await? {
            continue;
        }
        (command.conversation_id, command.expected_epoch) = (conversation_id, epoch);
        let actor = Actor::person(Some(agent_id));
        let transfer = Transfer {
            from_queue: true,
            ..Transfer::new(command, Holder::agent(agent_id), Cause::TakeOver, actor)
        };
        let begun = reserve_in(app, &mut tx, command, &transfer, Taken::Within(agent_id)).await?;
        tx.commit().await?;
        return Ok(Some(begun));
    }
    Err(faster().into())
}

fn faster() -> Fault {
    Fault::new(Reason::RequestInProgress, "others were faster, ask again")
}
