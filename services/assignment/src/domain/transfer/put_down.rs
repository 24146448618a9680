use tandem_access::{Caller, Role};

use super::carry_out::{begin_again, carry_out};
use super::decide::{check_force, check_scope};
use super::reserve::{Taken, reserve};
use super::{Command, Result, Transfer};
use crate::domain::App;
use crate::domain::access::{inactive, known_agent};
use crate::domain::kinds::Cause;
use crate::domain::model::{Actor, Holder};

pub struct PutDown {
    pub command: Command,
    pub note: String,
}

/// Gives a conversation back to the AI. Answers conversation's first answer, encoded.
///
/// Errors: `INVALID_FIELDS` on `force`, `AGENT_INACTIVE`, `NOT_FOUND`, and conversation's.
pub async fn release(app: &App, caller: &Caller, put_down: PutDown) -> Result<Vec<u8>> {
    give(app, caller, put_down, (Holder::AI, Cause::Release), &[Role::Supervisor]).await
}

/// Takes a conversation out of everybody's hands. Answers conversation's first answer, encoded.
///
/// Errors: as [`release`].
pub async fn unassign(app: &App, caller: &Caller, put_down: PutDown) -> Result<Vec<u8>> {
    let leads = [Role::Supervisor, Role::Admin];
    give(app, caller, put_down, (Holder::NOBODY, Cause::Unassign), &leads).await
}

async fn give(
    app: &App,
    caller: &Caller,
    put_down: PutDown,
    (to, cause): (Holder, Cause),
    leads: &[Role],
) -> Result<Vec<u8>> {
    let PutDown { command, note } = put_down;
    if let Some(begun) = begin_again(app, &command).await? {
        return carry_out(app, begun).await;
    }
    check_force(caller, command.force, leads)?;
    let mut connection = app.pool.acquire().await.map_err(tandem_database::Error::from)?;
    let own_agent = known_agent(&mut connection, caller).await?;
    drop(connection);
    if own_agent.is_none() && !caller.roles.has_any(leads) {
        return Err(inactive().into());
    }
    check_scope(app, caller, &command).await?;
    let transfer = Transfer { note, ..Transfer::new(&command, to, cause, Actor::person(own_agent)) };
    let begun = reserve(app, &command, &transfer, Taken::Nothing).await?;
    carry_out(app, begun).await
}
