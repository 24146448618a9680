use std::collections::HashMap;

use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::tell::{KEPT, note};
use crate::domain::kinds::NotificationKind;
use crate::domain::model::{Actor, CustomerNote, Mention, Notification};
use crate::store;

/// That a note calls agents: told once for each note, however often it comes or is edited, and nobody of their own.
///
/// What is older than notifications are kept is not told: a rebuild must not bring it back.
pub fn of_mentions(ambient: &Ambient, mentions: &[Mention]) -> Vec<Notification> {
    let oldest = ambient.now() - KEPT;
    let recent = mentions.iter().filter(|mention| mention.at >= oldest);
    recent
        .flat_map(|mention| {
            let others = mention.agent_ids.iter().filter(|agent| Some(**agent) != mention.actor.agent_id());
            others.map(|agent_id| Notification {
                tenant_id: mention.tenant_id,
                agent_id: *agent_id,
                id: ambient.id(),
                entry_id: mention.message_id,
                kind: NotificationKind::Mentioned,
                conversation_id: mention.conversation_id,
                customer_id: None,
                note: note(&mention.text),
                actor: mention.actor,
                epoch: mention.epoch,
                at: mention.at,
            })
        })
        .collect()
}

/// The same for notes about customers. Who wrote one is known by their token's subject.
pub async fn of_customer_notes(
    connection: &mut Connection,
    ambient: &Ambient,
    notes: &[CustomerNote],
) -> Result<Vec<Notification>> {
    let oldest = ambient.now() - KEPT;
    let is_recent = |note: &&CustomerNote| note.calls.iter().any(|(_, at)| *at >= oldest);
    let recent: Vec<&CustomerNote> = notes.iter().filter(is_recent).collect();
    let authors = recent.iter().filter(|note| !note.by_ai);
    let authors: Vec<(Uuid, String)> = authors.map(|note| (note.tenant_id, note.subject.clone())).collect();
    let known: HashMap<(Uuid, String), Uuid> = store::agent::of_subjects(connection, &authors).await?;
    let mut told = Vec::new();
    for called in recent {
        let author = known.get(&(called.tenant_id, called.subject.clone())).copied();
        let actor = if called.by_ai { Actor::AI } else { Actor::person(author) };
        // Each since it was called: what was told longer ago is not known here any more.
        let others =
            called.calls.iter().filter(|(agent, at)| Some(*agent) != actor.agent_id() && *at >= oldest);
        told.extend(others.map(|(agent_id, at)| Notification {
            tenant_id: called.tenant_id,
            agent_id: *agent_id,
            id: ambient.id(),
            entry_id: called.id,
            kind: NotificationKind::Mentioned,
            conversation_id: Uuid::nil(),
            customer_id: Some(called.customer_id),
            note: note(&called.text),
            actor,
            epoch: 0,
            at: *at,
        }));
    }
    Ok(told)
}
