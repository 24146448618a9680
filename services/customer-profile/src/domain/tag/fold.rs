use std::collections::BTreeSet;

use tandem_database::{Result, begin};

use super::key;
use crate::domain::Core;
use crate::domain::model::Key;
use crate::store;

/// Tags that one transaction takes.
const BATCH: i64 = 500;

/// Gives some tags that the release before created their keys by this one's rule. Answers whether there is more to do.
pub async fn fold(core: &Core) -> Result<bool> {
    let mut tx = begin(&core.pool).await?;
    let found = store::tag::to_fold(&mut tx, BATCH).await?;
    if found.is_empty() {
        return Ok(false);
    }
    let tenants: BTreeSet<_> = found.iter().map(|((tenant, _), _)| *tenant).collect();
    store::tag::hold_alone(&mut tx, &tenants).await?;
    let keys: Vec<(Key, String)> = found.into_iter().map(|(id, name)| (id, key(&name))).collect();
    store::tag::fold(&mut tx, &keys).await?;
    tx.commit().await?;
    Ok(true)
}
