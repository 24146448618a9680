use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_database::{Pool, Result, begin};

use super::{hold, settle};
use crate::store;

/// How long two releases may run side by side.
const SINCE: TimeDelta = TimeDelta::days(7);
/// Merges that one transaction puts right.
const BATCH: i64 = 100;

/// Makes one again what people merged and the release before this one, which knows of no merges, has parted.
pub async fn restore(pool: &Pool, ambient: &Ambient) -> Result<()> {
    let mut tx = begin(pool).await?;
    let parted = store::merge::parted(&mut tx, ambient.now() - SINCE, BATCH).await?;
    if !parted.is_empty() {
        hold(&mut tx, &parted.iter().map(|(tenant, _)| *tenant).collect()).await?;
        settle(&mut tx, ambient, &parted).await?;
        tx.commit().await?;
    }
    Ok(())
}
