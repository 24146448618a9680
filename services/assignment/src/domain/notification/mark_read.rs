use tandem_access::Caller;
use tandem_database::{Result, begin};
use uuid::Uuid;

use super::MOST_UNREAD;
use crate::domain::App;
use crate::domain::access::active_agent;
use crate::store;

/// The caller has read these; ids that are not the caller's change nothing. Answers how many are unread, up to 100.
///
/// Errors: `AGENT_INACTIVE`.
pub async fn mark_read(app: &App, caller: &Caller, ids: &[Uuid]) -> Result<i64> {
    let tenant_id = caller.tenant()?;
    let mut tx = begin(&app.pool).await?;
    let agent_id = active_agent(&mut tx, caller).await?;
    store::notification::mark_read(&mut tx, tenant_id, agent_id, ids, app.ambient.now()).await?;
    let unread = store::notification::unread(&mut tx, tenant_id, agent_id, MOST_UNREAD).await?;
    tx.commit().await?;
    Ok(unread)
}
