//! Views: saved, named filters with an order and columns. Personal ones are their agent's alone; supervisors and admins
//! keep those of teams and of the tenant, the standard ones included.

pub mod arrange;
pub mod create;
pub mod delete;
pub mod list;
pub mod problems;
pub mod standard;
pub mod update;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::asked::Asked;
use super::kinds::{StandardView, ViewColumn, ViewScope};
use super::order::Order;
use super::viewer::Viewer;

/// Personal views that an agent may have.
pub const MOST_PERSONAL: i64 = 100;
/// Views that a tenant and its teams may have together.
pub const MOST_SHARED: i64 = 200;

#[derive(Debug, Clone)]
pub struct View {
    pub id: Uuid,
    pub owner: Owner,
    pub standard: Option<StandardView>,
    pub look: Look,
    /// `None` for a standard view that was never changed.
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    /// 0 for a standard view that was never changed.
    pub version: i64,
}

/// What a view shows and how.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub name: String,
    pub icon: String,
    pub colour: String,
    pub filter: Asked,
    pub order: Order,
    pub columns: Vec<ViewColumn>,
    pub hidden: bool,
}

/// Whose a view is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Agent(Uuid),
    Team(Uuid),
    Tenant,
}

/// What a write of views records under its request id.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Recorded {
    #[serde(default)]
    view_id: Option<Uuid>,
}

impl Owner {
    pub const fn scope(self) -> ViewScope {
        match self {
            Self::Agent(_) => ViewScope::Personal,
            Self::Team(_) => ViewScope::Team,
            Self::Tenant => ViewScope::Tenant,
        }
    }

    pub const fn id(self) -> Option<Uuid> {
        match self {
            Self::Agent(id) | Self::Team(id) => Some(id),
            Self::Tenant => None,
        }
    }

    /// Whether a caller sees what is this owner's.
    pub fn shows(self, viewer: &Viewer) -> bool {
        match self {
            Self::Agent(agent) => viewer.agent_id == Some(agent),
            Self::Team(team) => viewer.is_supervisor || viewer.team_ids.contains(&team),
            Self::Tenant => true,
        }
    }

    /// Whether a caller who sees it may change it.
    fn lets(self, viewer: &Viewer) -> Result<(), Fault> {
        if matches!(self, Self::Agent(_)) || viewer.is_supervisor {
            return Ok(());
        }
        let message = "only supervisors and admins change views of teams and of the tenant";
        Err(Fault::new(Reason::RoleNotAllowed, message))
    }
}

/// A view that the caller sees, or none.
fn seen(viewer: &Viewer, found: Option<View>) -> Result<View, Fault> {
    found.filter(|view| view.owner.shows(viewer)).ok_or_else(|| Fault::not_found("view"))
}

fn no_agent() -> Fault {
    Fault::new(Reason::AgentInactive, "no active agent belongs to the token's subject")
}

fn changed_since() -> Fault {
    Fault::new(Reason::EtagMismatch, "the view changed since it was read")
}
