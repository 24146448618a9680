use tandem_database::Result;
use uuid::Uuid;

use super::MOST_OF_TENANT;
use super::key;
use crate::domain::Core;
use crate::domain::model::Tag;
use crate::store;

/// The tenant's tags whose names begin with `prefix`, by name.
pub async fn list(core: &Core, tenant: Uuid, prefix: &str) -> Result<Vec<Tag>> {
    let mut connection = core.pool.acquire().await?;
    store::tag::with_prefix(&mut connection, tenant, &key(prefix.trim_start()), MOST_OF_TENANT.into()).await
}
