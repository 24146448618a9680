//! Who asks, and what they may see.

use tandem_access::{Caller, Role};
use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::model::{Actor, Conversation};
use crate::store;

/// The channels that a caller may see: a filter on every list, count, stream, search and export.
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

/// A caller as this service knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub tenant_id: Uuid,
    pub subject: String,
    /// The active agent that the token's subject is.
    pub agent_id: Option<Uuid>,
    pub team_ids: Vec<Uuid>,
    pub scope: Scope,
    pub is_ai: bool,
    pub is_supervisor: bool,
}

impl Viewer {
    /// Looks the caller up. Admins, supervisors, the AI and services see every channel; an adapter those that its token
    /// names; an agent those of its teams.
    pub async fn of(connection: &mut Connection, caller: &Caller) -> Result<Self> {
        let tenant_id = caller.tenant()?;
        let is_supervisor = caller.has(Role::Supervisor) || caller.has(Role::Admin);
        let sees_all = is_supervisor || caller.has(Role::Ai) || caller.has(Role::Service);
        let is_person = caller.has(Role::Agent) || caller.has(Role::Supervisor);
        let membership = match is_person {
            true => store::projection::membership(connection, tenant_id, &caller.subject).await?,
            false => None,
        };
        let scope = match &membership {
            _ if sees_all => Scope::All,
            _ if caller.has(Role::Channel) => Scope::Channels(caller.channels.clone()),
            Some(membership) if membership.all_channels => Scope::All,
            Some(membership) => Scope::Channels(membership.channel_ids.clone()),
            None => Scope::Channels(Vec::new()),
        };
        Ok(Self {
            tenant_id,
            subject: caller.subject.clone(),
            agent_id: membership.as_ref().map(|membership| membership.agent_id),
            team_ids: membership.map(|membership| membership.team_ids).unwrap_or_default(),
            scope,
            is_ai: caller.has(Role::Ai),
            is_supervisor,
        })
    }

    /// Who acts, when the caller writes: the AI, or the agent that the subject is.
    pub fn actor(&self) -> Result<Actor, Fault> {
        match self.agent_id {
            Some(agent) => Ok(Actor::agent(agent)),
            None if self.is_ai => Ok(Actor::AI),
            None => Err(Fault::new(Reason::AgentInactive, "no active agent belongs to the token's subject")),
        }
    }

    /// Who acts, where leads may act without being agents: then Tandem does it for them.
    pub fn acting(&self) -> Result<Actor, Fault> {
        if self.is_supervisor && self.agent_id.is_none() { Ok(Actor::SYSTEM) } else { self.actor() }
    }

    /// Whether the caller may put an end to what others do in a conversation: an agent may not where another agent holds
    /// it, a lead may.
    pub fn may_manage(&self, conversation: &Conversation, actor: Actor) -> bool {
        !conversation.holder.is_person() || conversation.holder.id == actor.id || self.is_supervisor
    }
}
