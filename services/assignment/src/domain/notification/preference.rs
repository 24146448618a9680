use tandem_access::Caller;
use tandem_database::{Result, begin};

use crate::domain::App;
use crate::domain::access::active_agent;
use crate::domain::kinds::NotificationKind;
use crate::store;

/// The kinds that the caller does not want to be told of.
///
/// Errors: `AGENT_INACTIVE`.
pub async fn muted(app: &App, caller: &Caller) -> Result<Vec<NotificationKind>> {
    let mut connection = app.pool.acquire().await?;
    let agent_id = active_agent(&mut connection, caller).await?;
    store::preference::find(&mut connection, caller.tenant()?, agent_id).await
}

/// Replaces the kinds that the caller does not want to be told of. What was told before stays.
///
/// Errors: `AGENT_INACTIVE`.
pub async fn mute(app: &App, caller: &Caller, kinds: &[NotificationKind]) -> Result<()> {
    let mut tx = begin(&app.pool).await?;
    let agent_id = active_agent(&mut tx, caller).await?;
    store::preference::set(&mut tx, caller.tenant()?, agent_id, kinds).await?;
    tx.commit().await?;
    Ok(())
}
