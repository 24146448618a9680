use tandem_database::{Result, begin};

use crate::domain::Core;
use crate::domain::model::Key;
use crate::store;

/// Removes a definition, and its values from sight. One that is gone already stays gone.
pub async fn delete(core: &Core, key: Key) -> Result<()> {
    let mut tx = begin(&core.pool).await?;
    store::attribute::remove(&mut tx, key).await?;
    Ok(tx.commit().await?)
}
