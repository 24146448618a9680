use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::change::{Editor, take};
use super::tell;
use crate::domain::scope::Scope;
use crate::domain::{Change, Core};
use crate::store;

/// A note to delete.
#[derive(Debug, Clone)]
pub struct DeleteNote {
    pub request: request_log::Request,
    pub note_id: Uuid,
    /// Empty asks nothing.
    pub etag: String,
    pub editor: Editor,
}

/// Deletes a note; what it said is kept for those who lead.
///
/// # Errors
/// `NOT_FOUND`, `ROLE_NOT_ALLOWED`, `ETAG_MISMATCH`, `REQUEST_ID_REUSED`.
pub async fn delete(core: &Core, asked: DeleteNote, scope: &Scope) -> Result<Option<Change>> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, now).await? {
        return Ok(first);
    }
    let note = take(&mut tx, (tenant, asked.note_id), &asked.editor, &asked.etag, scope).await?;
    store::note::keep(&mut tx, tenant, &note, &asked.editor.subject, now, true).await?;
    store::note::delete(&mut tx, (tenant, note.id)).await?;
    // Also of one that called agents only once: whoever was told of it is told that it is gone.
    let change = tell(&mut tx, core, Some(((tenant, note.id), note.version + 1)), &[]).await?;
    request_log::record(&mut tx, &asked.request, &change).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(change)
}
