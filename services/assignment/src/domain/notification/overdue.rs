use std::collections::BTreeMap;

use tandem_database::{Result, begin};
use uuid::Uuid;

use super::tell::{KEPT, write};
use crate::domain::App;
use crate::domain::kinds::{HolderKind, NotificationKind};
use crate::domain::model::{Actor, Due, Notification};
use crate::store;

/// The most conversations that one tick tells of.
const MOST: i64 = 200;

/// Tells of conversations whose answer is overdue: the agent who holds it, or everybody of the team in whose queue it is.
/// Each time that an answer is due is told once, however many processes look; streams notice by their hub's poll.
pub async fn tell_overdue(app: &App) -> Result<()> {
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    let overdue = store::conversation::take_overdue(&mut tx, now, MOST).await?;
    let recent: Vec<&Due> = overdue.iter().filter(|due| due.at >= now - KEPT).collect();
    let queues: Vec<(Uuid, Uuid)> = recent
        .iter()
        .filter(|due| due.holder.kind == HolderKind::Team)
        .filter_map(|due| Some((due.tenant_id, due.holder.id?)))
        .collect();
    let mut members: BTreeMap<(Uuid, Uuid), Vec<Uuid>> = BTreeMap::new();
    for (tenant_id, team_id, agent_id) in store::team::active_members(&mut tx, &queues).await? {
        members.entry((tenant_id, team_id)).or_default().push(agent_id);
    }
    let mut told = Vec::new();
    for due in recent {
        let team = due.holder.id.and_then(|team_id| members.get(&(due.tenant_id, team_id)));
        let concerned = due.holder.agent_id().into_iter().chain(team.into_iter().flatten().copied());
        told.extend(concerned.map(|agent_id| Notification {
            tenant_id: due.tenant_id,
            agent_id,
            id: app.ambient.id(),
            entry_id: occasion(due),
            kind: NotificationKind::Overdue,
            conversation_id: due.conversation_id,
            note: String::new(),
            actor: Actor::SYSTEM,
            epoch: due.epoch,
            at: due.at,
        }));
    }
    write(&mut tx, &told).await?;
    tx.commit().await?;
    Ok(())
}

/// Stands for an entry of the timeline, since none says that time went by: the same for the same conversation and time.
fn occasion(due: &Due) -> Uuid {
    Uuid::new_v5(&due.conversation_id, &due.at.timestamp_micros().to_be_bytes())
}
