use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::Noted;
use super::change::visible;
use crate::domain::Core;
use crate::domain::erasure::record;
use crate::domain::model::Note;
use crate::domain::scope::Scope;
use crate::store;

/// Notes that are pinned on one customer.
const MOST: i64 = 10;

/// A note to pin, or to let go.
#[derive(Debug, Clone)]
pub struct PinNote {
    pub request: request_log::Request,
    pub note_id: Uuid,
    pub pinned: bool,
}

/// Pins a note, or lets it go. Its etag stays; what is so already changes nothing.
///
/// # Errors
/// `NOT_FOUND`, `LIMIT_REACHED`, `REQUEST_ID_REUSED`.
pub async fn pin(core: &Core, asked: PinNote, scope: &Scope) -> Result<Noted> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, now).await? {
        return Ok(first);
    }
    let note = visible(&mut tx, (tenant, asked.note_id), scope).await?;
    let note = if note.pinned_at.is_some() == asked.pinned {
        note
    } else {
        let note = Note { pinned_at: asked.pinned.then_some(now), ..note };
        if asked.pinned {
            // Whoever pins on the customer comes one after the other: the number can't grow past the limit meanwhile.
            store::customer::lock(&mut tx, &[(tenant, note.customer_id)].into()).await?;
            if store::note::pinned(&mut tx, (tenant, note.customer_id)).await? >= MOST {
                let fault = Fault::new(Reason::LimitReached, "at most 10 notes are pinned on a customer");
                return Err(fault.with("limit", MOST).into());
            }
        }
        store::note::write(&mut tx, tenant, &note).await?;
        note
    };
    let noted = Noted { note, change: None };
    record(&mut tx, &asked.request, &noted, &[noted.note.customer_id]).await?;
    tx.commit().await?;
    Ok(noted)
}
