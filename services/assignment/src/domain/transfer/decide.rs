//! What the verbs ask before they reserve. Who holds the conversation they do not ask: conversation decides that, by one
//! compare-and-set.

use tandem_access::{Caller, Role};
use tandem_database::Result;
use tandem_fault::Fault;

use super::Command;
use crate::domain::App;
use crate::domain::access::{Scope, scope};
use crate::store;

/// `force` is for those who lead.
///
/// Errors: `INVALID_FIELDS` on `force`: not `PERMISSION_DENIED`, since the caller may make the call without it.
pub fn check_force(caller: &Caller, force: bool, leads: &[Role]) -> Result<(), Fault> {
    if force && !caller.roles.has_any(leads) {
        return Err(Fault::invalid("force", "must not be set: only those who lead take from another person"));
    }
    Ok(())
}

/// Whether the conversation lies in the caller's access scope. One that the projection does not know yet is asked of
/// conversation: a lagging feed must not hide it.
///
/// Errors: `NOT_FOUND`.
pub async fn check_scope(app: &App, caller: &Caller, command: &Command) -> Result<()> {
    let (tenant_id, id) = (command.request.tenant_id, command.conversation_id);
    let mut connection = app.pool.acquire().await?;
    let scope = scope(&mut connection, caller).await?;
    if scope == Scope::All {
        return Ok(());
    }
    let projected = store::conversation::find(&mut connection, tenant_id, id).await?;
    drop(connection);
    let channel_id = match projected {
        Some(projected) => Some(projected.channel_id),
        None => app.conversations.channel_of(tenant_id, id).await?,
    };
    match channel_id {
        Some(channel_id) if scope.covers(channel_id) => Ok(()),
        _ => Err(Fault::not_found("conversation").into()),
    }
}
