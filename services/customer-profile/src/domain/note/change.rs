use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};

use crate::domain::model::{Key, Note};
use crate::domain::scope::Scope;
use crate::store;

/// Who changes a note.
#[derive(Debug, Clone)]
pub struct Editor {
    pub subject: String,
    /// May change what others wrote.
    pub leads: bool,
}

/// A note, locked, if this one may see and change it, and it is as it was when it was read.
///
/// # Errors
/// `NOT_FOUND`, `ROLE_NOT_ALLOWED`, `ETAG_MISMATCH`.
pub(super) async fn take(
    connection: &mut Connection,
    key: Key,
    editor: &Editor,
    etag: &str,
    scope: &Scope,
) -> Result<Note> {
    let note = visible(connection, key, scope).await?;
    if !editor.leads && note.author_subject != editor.subject {
        return Err(Fault::new(Reason::RoleNotAllowed, "somebody else wrote the note").into());
    }
    if !etag.is_empty() && etag != note.etag() {
        return Err(Fault::new(Reason::EtagMismatch, "the note changed since it was read").into());
    }
    Ok(note)
}

/// A note, locked, about somebody whom the caller may see; else it is as if it were not there.
pub(super) async fn visible(connection: &mut Connection, key: Key, scope: &Scope) -> Result<Note> {
    let note = store::note::lock(connection, key).await?.ok_or_else(|| Fault::not_found("note"))?;
    let seen = store::customer::resolve(connection, (key.0, note.customer_id)).await?;
    if !seen.is_some_and(|(_, channels)| scope.finds(&channels)) {
        return Err(Fault::not_found("note").into());
    }
    Ok(note)
}
