use std::collections::BTreeSet;

use tandem_database::{Result, begin};
use uuid::Uuid;

use super::count_again;
use crate::domain::merge::hold;
use crate::domain::model::Key;
use crate::domain::{Core, tell};
use crate::store;

/// Rows that one transaction removes: short locks.
const BATCH: i64 = 500;

/// Removes a few of the rows that still name a deleted tag, and tells of the customers. Answers whether there is more to do.
pub async fn clear(core: &Core) -> Result<bool> {
    let mut tx = begin(&core.pool).await?;
    let Some((tenant, tag)) = store::tag::to_clear(&mut tx).await? else { return Ok(false) };
    hold(&mut tx, &[tenant].into()).await?;
    let bearers = store::carried::bearers(&mut tx, (tenant, tag), BATCH).await?;
    if bearers.is_empty() {
        store::tag::cleared(&mut tx, (tenant, tag)).await?;
    } else {
        let found = store::customer::resolve_all(&mut tx, tenant, &bearers).await?;
        let roots: BTreeSet<Key> = found.into_iter().map(|(_, root, _)| (tenant, root)).collect();
        store::customer::lock(&mut tx, &roots).await?;
        let rows: Vec<(Uuid, Uuid)> = bearers.into_iter().map(|customer| (customer, tag)).collect();
        store::carried::take(&mut tx, tenant, &rows).await?;
        // What people see of them is as before: their etags stay.
        let versions = store::customer::touch(&mut tx, &roots, false).await?;
        tell(&mut tx, &core.ambient, &versions).await?;
        count_again(&mut tx, &roots).await?;
    }
    tx.commit().await?;
    core.sequencer.wake();
    Ok(true)
}
