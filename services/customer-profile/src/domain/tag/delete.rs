use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::edit::unchanged;
use super::tell;
use crate::domain::{Change, Core};
use crate::store;

/// A tag to delete.
#[derive(Debug, Clone)]
pub struct DeleteTag {
    pub request: request_log::Request,
    pub tag_id: Uuid,
    /// Empty asks nothing.
    pub etag: String,
}

/// Deletes a tag, with all that became it: a mark, which every read follows. The rows of customers go later, a few at a time.
///
/// # Errors
/// `NOT_FOUND`, `ETAG_MISMATCH`, `REQUEST_ID_REUSED`.
pub async fn delete(core: &Core, asked: DeleteTag) -> Result<Option<Change>> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, now).await? {
        return Ok(first);
    }
    store::tag::hold_alone(&mut tx, &[tenant].into()).await?;
    let tag = store::tag::find(&mut tx, (tenant, asked.tag_id)).await?;
    let tag = unchanged(tag, &asked.etag)?;
    let mut groups = store::tag::groups(&mut tx, tenant, &[tag.id]).await?;
    let all = groups.remove(&tag.id).unwrap_or_default();
    let versions = store::tag::delete(&mut tx, tenant, &all, now).await?;
    let change = tell(&mut tx, core, tenant, &versions).await?;
    request_log::record(&mut tx, &asked.request, &change).await?;
    tx.commit().await?;
    core.sequencer.wake();
    core.left.notify_one();
    Ok(change)
}
