use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::merge::already_merged;
use crate::domain::profile::find;
use crate::domain::scope::Scope;
use crate::store;

/// Two customers that are two people.
#[derive(Debug, Clone)]
pub struct Dismiss {
    pub request: request_log::Request,
    pub customer_id: Uuid,
    pub other_id: Uuid,
    pub by_subject: String,
}

/// Keeps a suggestion from coming back.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_MERGED`, `REQUEST_ID_REUSED`.
pub async fn dismiss(core: &Core, asked: Dismiss, scope: &Scope) -> Result<()> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if request_log::claim::<()>(&mut tx, &asked.request, now).await?.is_some() {
        return Ok(());
    }
    let one = find(&mut tx, (tenant, asked.customer_id), scope).await?;
    let other = find(&mut tx, (tenant, asked.other_id), scope).await?;
    if one == other {
        return Err(already_merged((tenant, one)).into());
    }
    store::suggestion::dismiss(&mut tx, tenant, (one, other), &asked.by_subject, now).await?;
    request_log::record(&mut tx, &asked.request, &()).await?;
    tx.commit().await?;
    Ok(())
}
