use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::change::{Editor, take};
use super::{Noted, tell};
use crate::domain::Core;
use crate::domain::erasure::record;
use crate::domain::model::Note;
use crate::domain::scope::Scope;
use crate::store;

/// What a note says from now on.
#[derive(Debug, Clone)]
pub struct EditNote {
    pub request: request_log::Request,
    pub note_id: Uuid,
    pub text: String,
    pub mention_agent_ids: Vec<Uuid>,
    /// Empty asks nothing.
    pub etag: String,
    pub editor: Editor,
}

/// Changes what a note says; what it said before is kept. What is so already changes nothing.
///
/// # Errors
/// `NOT_FOUND`, `ROLE_NOT_ALLOWED`, `ETAG_MISMATCH`, `REQUEST_ID_REUSED`.
pub async fn edit(core: &Core, edit: EditNote, scope: &Scope) -> Result<Noted> {
    let (tenant, now) = (edit.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &edit.request, now).await? {
        return Ok(first);
    }
    let before = take(&mut tx, (tenant, edit.note_id), &edit.editor, &edit.etag, scope).await?;
    let changed = before.text != edit.text || before.mention_agent_ids != edit.mention_agent_ids;
    let noted = if changed {
        store::note::keep(&mut tx, tenant, &before, &edit.editor.subject, now, false).await?;
        let mut note = Note {
            text: edit.text,
            edited_at: Some(now),
            edited_by: Some(edit.editor.subject),
            version: before.version + 1,
            ..before.clone()
        };
        note.call(edit.mention_agent_ids, now);
        store::note::write(&mut tx, tenant, &note).await?;
        let calls = !(note.mention_agent_ids.is_empty() && before.mention_agent_ids.is_empty());
        let told = calls.then_some(((tenant, note.id), note.version));
        let change = tell(&mut tx, core, told, &[]).await?;
        Noted { note, change }
    } else {
        Noted { note: before, change: None }
    };
    record(&mut tx, &edit.request, &noted, &[noted.note.customer_id]).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(noted)
}
