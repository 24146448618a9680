use tandem_access::Caller;
use tandem_database::Result;

use super::MOST_UNREAD;
use crate::domain::App;
use crate::domain::access::active_agent;
use crate::domain::model::Listed;
use crate::store;

pub struct Page {
    pub notifications: Vec<Listed>,
    /// Counted up to 100.
    pub unread: i64,
}

/// A page of the caller's notifications, newest first, before a number.
///
/// Errors: `AGENT_INACTIVE`, those of freshness.
pub async fn list(
    app: &App,
    caller: &Caller,
    before: Option<i64>,
    limit: i64,
    fresh: &[String],
) -> Result<Page> {
    app.freshness.wait(fresh).await?;
    let tenant_id = caller.tenant()?;
    let mut connection = app.pool.acquire().await?;
    let agent_id = active_agent(&mut connection, caller).await?;
    let before = before.unwrap_or(i64::MAX);
    let notifications =
        store::notification::before(&mut connection, tenant_id, agent_id, before, limit).await?;
    let unread = store::notification::unread(&mut connection, tenant_id, agent_id, MOST_UNREAD).await?;
    Ok(Page { notifications, unread })
}
