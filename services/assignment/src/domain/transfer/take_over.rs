use tandem_access::{Caller, Role};

use super::carry_out::{begin_again, carry_out};
use super::decide::{check_force, check_scope};
use super::reserve::{Taken, reserve};
use super::{Command, Result, Transfer};
use crate::domain::App;
use crate::domain::access::active_agent;
use crate::domain::kinds::Cause;
use crate::domain::model::{Actor, Holder};

pub struct TakeOver {
    pub command: Command,
    pub note: String,
}

/// The caller takes a conversation. May exceed the caller's own capacity. Answers conversation's first answer, encoded.
///
/// Errors: `INVALID_FIELDS` on `force`, `AGENT_INACTIVE`, `NOT_FOUND`, and conversation's.
pub async fn take_over(app: &App, caller: &Caller, take_over: TakeOver) -> Result<Vec<u8>> {
    let TakeOver { command, note } = take_over;
    if let Some(begun) = begin_again(app, &command).await? {
        return carry_out(app, begun).await;
    }
    check_force(caller, command.force, &[Role::Supervisor])?;
    let agent_id =
        active_agent(&mut *app.pool.acquire().await.map_err(tandem_database::Error::from)?, caller).await?;
    check_scope(app, caller, &command).await?;
    let actor = Actor::person(Some(agent_id));
    let transfer =
        Transfer { note, ..Transfer::new(&command, Holder::agent(agent_id), Cause::TakeOver, actor) };
    let begun = reserve(app, &command, &transfer, Taken::Beyond(agent_id)).await?;
    carry_out(app, begun).await
}
