use chrono::{DateTime, TimeDelta, Utc};
use tandem_database::{Result, begin};
use uuid::Uuid;

use super::tell::{KEPT, members, tell};
use crate::domain::App;
use crate::domain::kinds::NotificationKind;
use crate::domain::model::{Actor, Due, Notification};
use crate::store;

/// The most conversations that one tick tells of.
const MOST: i64 = 200;

/// How long before an answer is overdue agents are told: a quarter of the time that there was, within these.
const LEAD: (TimeDelta, TimeDelta) = (TimeDelta::minutes(1), TimeDelta::minutes(15));

/// When to say that an answer will be overdue soon.
pub fn soon(waiting_since: Option<DateTime<Utc>>, due_at: DateTime<Utc>) -> DateTime<Utc> {
    let quarter = waiting_since.map_or(LEAD.0, |since| (due_at - since) / 4);
    due_at - quarter.clamp(LEAD.0, LEAD.1)
}

/// Tells of conversations whose answer is overdue, or will be soon: the agent who holds it, or everybody of the team in whose
/// queue it is. Each time that an answer is due is told once, however many processes look; streams notice by their hub's
/// poll.
pub async fn tell_due(app: &App) -> Result<()> {
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    let overdue = store::due::take_overdue(&mut tx, now, MOST).await?;
    let mut soon = store::due::take_soon(&mut tx, now, MOST).await?;
    // What a pause has made overdue is not soon any more.
    soon.retain(|due| due.at > now);
    let overdue = overdue.into_iter().map(|due| (NotificationKind::Overdue, due));
    let due = overdue.chain(soon.into_iter().map(|due| (NotificationKind::DueSoon, due)));
    let recent: Vec<_> = due.filter(|(_, due)| due.at >= now - KEPT).collect();
    let holders = recent.iter().map(|(_, due)| (due.tenant_id, due.holder));
    let members = members(&mut tx, holders).await?;
    let mut told = Vec::new();
    for (kind, due) in &recent {
        let team = due.holder.id.and_then(|team_id| members.get(&(due.tenant_id, team_id)));
        let concerned = due.holder.agent_id().into_iter().chain(team.into_iter().flatten().copied());
        told.extend(concerned.map(|agent_id| Notification {
            tenant_id: due.tenant_id,
            agent_id,
            id: app.ambient.id(),
            entry_id: occasion(*kind, due),
            kind: *kind,
            conversation_id: due.conversation_id,
            customer_id: None,
            note: String::new(),
            actor: Actor::SYSTEM,
            epoch: due.epoch,
            at: if *kind == NotificationKind::Overdue { due.at } else { now },
        }));
    }
    tell(&mut tx, told).await?;
    tx.commit().await?;
    Ok(())
}

/// Stands for an entry of the timeline, since none says that time went by: the same for the same conversation and time.
fn occasion(kind: NotificationKind, due: &Due) -> Uuid {
    let at = due.at.timestamp_micros().to_be_bytes();
    Uuid::new_v5(&due.conversation_id, &[&kind.number().to_be_bytes()[..], &at].concat())
}
