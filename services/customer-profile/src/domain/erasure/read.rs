use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use super::Erasure;
use crate::domain::Core;
use crate::domain::model::Key;
use crate::store;

/// # Errors
/// `NOT_FOUND`.
pub async fn get(core: &Core, key: Key) -> Result<Erasure> {
    let mut connection = core.pool.acquire().await?;
    let found = store::erasure::find(&mut connection, key).await?;
    Ok(found.ok_or_else(|| Fault::not_found("erasure"))?)
}

/// A tenant's erasures before an id, newest first.
pub async fn list(core: &Core, tenant: Uuid, before: Option<Uuid>, limit: i64) -> Result<Vec<Erasure>> {
    let mut connection = core.pool.acquire().await?;
    store::erasure::before(&mut connection, tenant, before.unwrap_or(Uuid::max()), limit).await
}
