use chrono::TimeDelta;
use tandem_access::Caller;
use tandem_database::{Result, begin};

use crate::domain::App;
use crate::domain::access::active_agent;
use crate::domain::kinds::Presence;
use crate::domain::model::There;
use crate::store;

pub struct Set {
    pub presence: Presence,
    /// How long it counts without another word.
    pub ttl: TimeDelta,
}

/// The caller is there, or is not. A heartbeat changes no agent's version and tells no other service.
///
/// Errors: `AGENT_INACTIVE`.
pub async fn set(app: &App, caller: &Caller, set: Set) -> Result<There> {
    let Set { presence, ttl } = set;
    let tenant_id = caller.tenant()?;
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    let agent_id = active_agent(&mut tx, caller).await?;
    let rule = store::agent::return_rule(&mut tx, tenant_id, agent_id).await?;
    let key = (tenant_id, agent_id);
    let (since, expires_at) = if presence == Presence::Offline {
        (store::presence::leave(&mut tx, key, now, rule).await?, None)
    } else {
        let until = now + ttl;
        (store::presence::beat(&mut tx, key, presence, (now, until), rule).await?, Some(until))
    };
    tx.commit().await?;
    Ok(There { agent_id, presence, since: Some(since), expires_at })
}
