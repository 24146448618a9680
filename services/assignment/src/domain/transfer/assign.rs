use futures::stream::{self, StreamExt};
use tandem_access::{Caller, Role};
use tandem_fault::Fault;
use uuid::Uuid;

use super::carry_out::{begin_again, carry_out};
use super::decide::{check_force, check_scope};
use super::reserve::{Taken, reserve};
use super::{Command, Result, Transfer};
use crate::domain::App;
use crate::domain::access::{inactive, known_agent};
use crate::domain::kinds::{Cause, Priority};
use crate::domain::model::{Actor, Holder};
use crate::store;

#[derive(Debug, Clone, Copy)]
pub enum Assignee {
    Agent(Uuid),
    Team(Uuid),
}

pub struct Assign {
    pub command: Command,
    pub assignee: Assignee,
    pub note: String,
    pub priority: Option<Priority>,
    /// Labels that are put on with it.
    pub add_label_ids: Vec<Uuid>,
}

/// Conversations that are given to a team at once.
const AT_ONCE: usize = 8;

/// Gives conversations, each alone, and answers in their order. To an agent one after the other: where the capacity ends,
/// the first of them have it.
pub async fn assign_each(app: &App, caller: &Caller, each: Vec<Assign>) -> Vec<Result<Vec<u8>>> {
    let to_agent = each.iter().any(|one| matches!(one.assignee, Assignee::Agent(_)));
    let calls = each.into_iter().map(|one| assign(app, caller, one));
    stream::iter(calls).buffered(if to_agent { 1 } else { AT_ONCE }).collect().await
}

/// Gives a conversation to an agent, within the agent's capacity unless forced, or to a team. Answers conversation's first
/// answer, encoded.
///
/// Errors: `INVALID_FIELDS` on `force`, `AGENT_INACTIVE` (the caller or the assignee), `NOT_FOUND` (conversation, agent,
/// team), `CAPACITY_FULL`, and conversation's.
pub async fn assign(app: &App, caller: &Caller, assign: Assign) -> Result<Vec<u8>> {
    let Assign { command, assignee, note, priority, add_label_ids } = assign;
    if let Some(begun) = begin_again(app, &command).await? {
        return carry_out(app, begun).await;
    }
    let leads = [Role::Supervisor, Role::Admin];
    check_force(caller, command.force, &leads)?;
    let mut connection = app.pool.acquire().await.map_err(tandem_database::Error::from)?;
    let own_agent = known_agent(&mut connection, caller).await?;
    if own_agent.is_none() && !caller.roles.has_any(&leads) {
        return Err(inactive().into());
    }
    if let Assignee::Team(id) = assignee
        && !store::team::exists(&mut connection, command.request.tenant_id, id).await?
    {
        return Err(Fault::not_found("team").into());
    }
    drop(connection);
    check_scope(app, caller, &command).await?;
    let (to, taken) = match assignee {
        Assignee::Agent(id) if command.force => (Holder::agent(id), Taken::Beyond(id)),
        Assignee::Agent(id) => (Holder::agent(id), Taken::Within(id)),
        Assignee::Team(id) => (Holder::team(id), Taken::Nothing),
    };
    let transfer = Transfer::new(&command, to, Cause::Assign, Actor::person(own_agent));
    let begun =
        reserve(app, &command, &Transfer { note, priority, add_label_ids, ..transfer }, taken).await?;
    carry_out(app, begun).await
}
