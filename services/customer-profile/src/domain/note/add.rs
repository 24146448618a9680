use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::{Noted, tell};
use crate::domain::Core;
use crate::domain::erasure::record;
use crate::domain::model::Note;
use crate::domain::profile::lock;
use crate::domain::scope::Scope;
use crate::store;

/// A note to write.
#[derive(Debug, Clone)]
pub struct AddNote {
    pub request: request_log::Request,
    pub customer_id: Uuid,
    pub text: String,
    pub mention_agent_ids: Vec<Uuid>,
    pub author_subject: String,
    pub by_ai: bool,
}

/// Notes something about a customer. The profile's etag stays: a note is not part of it.
///
/// # Errors
/// `NOT_FOUND`, `REQUEST_ID_REUSED`.
pub async fn add(core: &Core, add: AddNote, scope: &Scope) -> Result<Noted> {
    let (tenant, now) = (add.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &add.request, now).await? {
        return Ok(first);
    }
    let customer = lock(&mut tx, (tenant, add.customer_id), scope).await?.key;
    let mut note = Note {
        id: core.ambient.id_at(now),
        customer_id: customer.1,
        text: add.text,
        author_subject: add.author_subject,
        created_at: now,
        by_ai: add.by_ai,
        mention_agent_ids: Vec::new(),
        pinned_at: None,
        edited_at: None,
        edited_by: None,
        called_agent_ids: Vec::new(),
        called_at: Vec::new(),
        version: 1,
    };
    note.call(add.mention_agent_ids, now);
    store::note::insert(&mut tx, tenant, &note).await?;
    let versions = store::customer::touch(&mut tx, &[customer].into(), false).await?;
    let calls = (!note.mention_agent_ids.is_empty()).then_some(((tenant, note.id), note.version));
    let change = tell(&mut tx, core, calls, &versions).await?;
    let noted = Noted { note, change };
    record(&mut tx, &add.request, &noted, &[noted.note.customer_id]).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(noted)
}
