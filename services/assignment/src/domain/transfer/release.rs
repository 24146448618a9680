use tandem_access::{Caller, Role};

use super::carry_out::{begin_again, carry_out};
use super::decide::{check_force, check_scope};
use super::reserve::{Taken, reserve};
use super::{Command, Result, Transfer};
use crate::domain::App;
use crate::domain::access::{inactive, known_agent};
use crate::domain::kinds::Cause;
use crate::domain::model::{Actor, Holder};

pub struct Release {
    pub command: Command,
}

/// Gives a conversation back to the AI. Answers conversation's first answer, encoded.
///
/// Errors: `INVALID_FIELDS` on `force`, `AGENT_INACTIVE`, `NOT_FOUND`, and conversation's.
pub async fn release(app: &App, caller: &Caller, release: Release) -> Result<Vec<u8>> {
    let Release { command } = release;
    if let Some(begun) = begin_again(app, &command).await? {
        return carry_out(app, begun).await;
    }
    check_force(caller, command.force, &[Role::Supervisor])?;
    let mut connection = app.pool.acquire().await.map_err(tandem_database::Error::from)?;
    let own_agent = known_agent(&mut connection, caller).await?;
    drop(connection);
    if own_agent.is_none() && !caller.has(Role::Supervisor) {
        return Err(inactive().into());
    }
    check_scope(app, caller, &command).await?;
    let transfer = Transfer::new(&command, Holder::AI, Cause::Release, Actor::person(own_agent));
    let begun = reserve(app, &command, &transfer, Taken::Nothing).await?;
    carry_out(app, begun).await
}
