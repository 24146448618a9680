use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};

use super::tell::{KEPT, members};
use crate::domain::kinds::{ActorKind, NotificationKind, Status};
use crate::domain::model::{Actor, Notification, StatusChange};
use crate::store;

/// That snoozed conversations woke by themselves, for the agent who holds it, or everybody of the team in whose queue it
/// is. Each wake is answered once, however often the feed replays.
///
/// What is older than notifications are kept is not told: a rebuild must not bring it back.
pub async fn of_wakes(
    connection: &mut Connection,
    ambient: &Ambient,
    changes: &[StatusChange],
) -> Result<Vec<Notification>> {
    let oldest = ambient.now() - KEPT;
    let recent = changes.iter().filter(|change| change.at >= oldest && is_wake(change));
    let recent: Vec<StatusChange> = recent.copied().collect();
    if recent.is_empty() {
        return Ok(Vec::new());
    }
    let held = store::wake::insert(connection, &recent).await?;
    let members = members(connection, held.iter().map(|((tenant, _), held)| (*tenant, held.holder))).await?;
    let mut told = Vec::new();
    for wake in &recent {
        let Some(held) = held.get(&(wake.tenant_id, wake.entry_id)) else { continue };
        let team = held.holder.id.and_then(|team_id| members.get(&(wake.tenant_id, team_id)));
        let concerned = held.holder.agent_id().into_iter().chain(team.into_iter().flatten().copied());
        told.extend(concerned.map(|agent_id| Notification {
            tenant_id: wake.tenant_id,
            agent_id,
            id: ambient.id(),
            entry_id: wake.entry_id,
            kind: NotificationKind::Woken,
            conversation_id: wake.conversation_id,
            customer_id: None,
            note: String::new(),
            // Whose contact it is says the conversation.
            actor: Actor { id: None, ..wake.actor },
            epoch: held.epoch,
            at: wake.at,
        }));
    }
    Ok(told)
}

/// By the customer or by the clock: whoever else wakes a conversation is there already.
fn is_wake(change: &StatusChange) -> bool {
    (change.from, change.to) == (Status::Snoozed, Status::Open)
        && matches!(change.actor.kind, ActorKind::Customer | ActorKind::System)
}
