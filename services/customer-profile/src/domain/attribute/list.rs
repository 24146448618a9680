use tandem_database::Result;
use uuid::Uuid;

use super::Definition;
use crate::domain::Core;
use crate::store;

/// The tenant's definitions by key.
pub async fn list(core: &Core, tenant: Uuid) -> Result<Vec<Definition>> {
    let mut connection = core.pool.acquire().await?;
    store::attribute::of_tenant(&mut connection, tenant).await
}
