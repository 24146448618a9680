use std::collections::BTreeSet;

use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::begin_each;
use crate::domain::kinds::{OperationKind, Status};
use crate::domain::model::{Actor, Conversation};
use crate::store;

/// Begins anew to return what deactivated agents hold. Conversation learns of a deactivation a moment later: what it gave
/// to the agent until then may be shown when the deactivation's own operation has ended.
pub async fn return_stragglers(
    connection: &mut Connection,
    ambient: &Ambient,
    shown: &[Conversation],
) -> Result<()> {
    let live = shown.iter().filter(|conversation| conversation.status != Status::Closed);
    let holders: BTreeSet<(Uuid, Uuid)> = live
        .filter_map(|conversation| Some((conversation.tenant_id, conversation.holder.agent_id()?)))
        .collect();
    if holders.is_empty() {
        return Ok(());
    }
    let holders: Vec<(Uuid, Uuid)> = holders.into_iter().collect();
    let left = store::operation::left_alone(connection, &holders).await?;
    let new = store::operation::New {
        kind: OperationKind::Deactivate,
        to: None,
        force: false,
        actor: Actor::SYSTEM,
        note: "",
        at: ambient.now(),
    };
    begin_each(connection, ambient, &new, &left).await?;
    Ok(())
}
