use tandem_database::Result;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::kinds::{AgentState, Presence};
use crate::domain::list::{Key, Scanned, budget};
use crate::domain::model::Agent;
use crate::store;

/// Which agents are wanted: whatever is given must hold.
#[derive(Debug, Default, PartialEq)]
pub struct Narrow {
    /// Each word begins a word of the name or of the e-mail address.
    pub query: String,
    pub team_id: Option<Uuid>,
    pub state: Option<AgentState>,
    /// One of these; any when empty.
    pub presences: Vec<Presence>,
    pub skill: String,
    /// A language tag, or the beginning of one.
    pub language: String,
}

/// A page of agents by name, after the given key.
pub async fn list(
    app: &App,
    tenant_id: Uuid,
    narrow: &Narrow,
    after: Option<Key>,
    limit: i64,
) -> Result<Scanned<Agent>> {
    let mut connection = app.pool.acquire().await?;
    let bounds = (limit, budget(*narrow != Narrow::default(), limit));
    let (after, now) = (after.unwrap_or_default(), app.ambient.now());
    store::agent::page(&mut connection, tenant_id, narrow, &after, bounds, now).await
}
