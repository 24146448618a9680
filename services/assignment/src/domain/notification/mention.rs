use tandem_ambient::Ambient;

use super::tell::{KEPT, note};
use crate::domain::kinds::NotificationKind;
use crate::domain::model::{Mention, Notification};

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
                note: note(&mention.text),
                actor: mention.actor,
                epoch: mention.epoch,
                at: mention.at,
            })
        })
        .collect()
}
