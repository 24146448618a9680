//! Who a caller is here, and what they may see.

use tandem_access::{Caller, Role};
use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::kinds::AgentState;
use crate::store;

/// The channels that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    Channels(Vec<Uuid>),
}

impl Scope {
    pub fn covers(&self, channel_id: Uuid) -> bool {
        match self {
            Self::All => true,
            Self::Channels(channels) => channels.contains(&channel_id),
        }
    }
}

/// Supervisors, admins, the AI and services see every channel of the tenant; an agent those of their teams.
pub async fn scope(connection: &mut Connection, caller: &Caller) -> Result<Scope> {
    if caller.roles.has_any(&[Role::Supervisor, Role::Admin, Role::Ai, Role::Service]) {
        return Ok(Scope::All);
    }
    let (all, channels) =
        store::team::channels_of_subject(connection, caller.tenant()?, &caller.subject).await?;
    Ok(if all { Scope::All } else { Scope::Channels(channels) })
}

/// The active agent that the caller's subject is.
///
/// Errors: `AGENT_INACTIVE` when there is none, or it is deactivated.
pub async fn active_agent(connection: &mut Connection, caller: &Caller) -> Result<Uuid> {
    known_agent(connection, caller).await?.ok_or_else(|| inactive().into())
}

/// As [`active_agent`], where the caller need not be an agent.
pub async fn known_agent(connection: &mut Connection, caller: &Caller) -> Result<Option<Uuid>> {
    match store::agent::of_subject(connection, caller.tenant()?, &caller.subject).await? {
        Some((id, AgentState::Active)) => Ok(Some(id)),
        Some((_, AgentState::Deactivated)) => Err(inactive().into()),
        None => Ok(None),
    }
}

pub fn inactive() -> Fault {
    Fault::new(Reason::AgentInactive, "no active agent")
}
