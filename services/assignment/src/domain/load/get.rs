use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_access::Caller;
use tandem_database::Result;
use uuid::Uuid;

use crate::domain::App;
use crate::store;

/// What an agent has in hand.
#[derive(Debug, Clone)]
pub struct AgentLoad {
    pub agent_id: Uuid,
    pub name: String,
    /// 0 means no limit.
    pub capacity: i32,
    /// Counted up to `MOST_HELD`, and so are the next two, which are parts of it.
    pub held: i64,
    pub waiting: i64,
    pub overdue: i64,
}

/// What waits in a team's queue.
#[derive(Debug, Clone)]
pub struct TeamLoad {
    pub team_id: Uuid,
    pub name: String,
    /// Counted up to `MOST_HELD`.
    pub queued: i64,
    /// `None` for an empty queue.
    pub oldest_since: Option<DateTime<Utc>>,
}

/// Where a page begins: agents come first, then teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    AfterAgent(Uuid),
    AfterTeam(Uuid),
}

impl Place {
    pub const START: Self = Self::AfterAgent(Uuid::nil());
}

pub struct Load {
    pub agents: Vec<AgentLoad>,
    pub teams: Vec<TeamLoad>,
    pub next: Option<Place>,
}

/// A page of what everybody has in hand, `limit` agents and teams together.
///
/// Errors: those of freshness.
pub async fn get(app: &App, caller: &Caller, place: Place, limit: i64, fresh: &[String]) -> Result<Load> {
    app.freshness.wait(fresh).await?;
    let (tenant_id, now) = (caller.tenant()?, app.ambient.now());
    let mut connection = app.pool.acquire().await?;
    let size = usize::try_from(limit).unwrap_or_default();
    let mut load = Load { agents: Vec::new(), teams: Vec::new(), next: None };
    let after_team = match place {
        Place::AfterTeam(id) => id,
        Place::AfterAgent(id) => {
            load.agents = store::load::agents(&mut connection, tenant_id, id, now, limit + 1).await?;
            if load.agents.len() > size {
                load.agents.truncate(size);
                load.next = load.agents.last().map(|last| Place::AfterAgent(last.agent_id));
                return Ok(load);
            }
            Uuid::nil()
        }
    };
    let left = size - load.agents.len();
    let one_more = i64::try_from(left + 1).unwrap_or(i64::MAX);
    load.teams = store::load::teams(&mut connection, tenant_id, after_team, one_more).await?;
    if load.teams.len() > left {
        load.teams.truncate(left);
        let last = load.teams.last().map_or(after_team, |last| last.team_id);
        load.next = Some(Place::AfterTeam(last));
    }
    Ok(load)
}
