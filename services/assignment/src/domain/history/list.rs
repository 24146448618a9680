use std::collections::HashMap;

use tandem_access::Caller;
use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::access::scope;
use crate::domain::model::HolderChange;
use crate::store;

/// The most entries that an answer holds.
const MOST: i64 = 1_000;

pub struct History {
    pub changes: Vec<HolderChange>,
    /// The names of the agents and teams in them, where they are known.
    pub names: HashMap<Uuid, String>,
}

/// Who held a conversation, oldest first.
///
/// Errors: `NOT_FOUND` for a conversation that is not there, or outside the caller's access scope; those of freshness.
pub async fn list(app: &App, caller: &Caller, conversation_id: Uuid, fresh: &[String]) -> Result<History> {
    let tenant_id = caller.tenant()?;
    app.freshness.wait(fresh).await?;
    let mut connection = app.pool.acquire().await?;
    let scope = scope(&mut connection, caller).await?;
    let found = store::conversation::find(&mut connection, tenant_id, conversation_id).await?;
    if !found.is_some_and(|conversation| scope.covers(conversation.channel_id)) {
        return Err(Fault::not_found("conversation").into());
    }
    let changes = store::holder_change::list(&mut connection, tenant_id, conversation_id, MOST).await?;
    let mut ids: Vec<Uuid> = changes
        .iter()
        .flat_map(|change| [change.to.id, change.from.and_then(|from| from.id), change.actor.agent_id()])
        .flatten()
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let names = store::team::names(&mut connection, tenant_id, &ids).await?.into_iter().collect();
    Ok(History { changes, names })
}
