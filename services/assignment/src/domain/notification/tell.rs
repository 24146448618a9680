//! Whom a change of holder concerns.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_database::{Connection, Result, begin};
use uuid::Uuid;

use crate::domain::App;
use crate::domain::kinds::{ActorKind, Cause, HolderKind, NotificationKind};
use crate::domain::model::{Holder, HolderChange, Notification};
use crate::store;

/// How long notifications are kept.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// Notifications in one statement, and forgotten by one tick.
const MOST: usize = 1_000;

/// The notifications of changes that were not known before.
///
/// What is older than notifications are kept is not told: a rebuild must not bring it back.
pub async fn of_changes(
    connection: &mut Connection,
    ambient: &Ambient,
    changes: &[HolderChange],
) -> Result<Vec<Notification>> {
    let oldest = ambient.now() - KEPT;
    let recent: Vec<&HolderChange> = changes.iter().filter(|change| change.at >= oldest).collect();
    let members = members(connection, recent.iter().map(|change| (change.tenant_id, change.to))).await?;
    let mut told = Vec::new();
    for change in recent {
        let queue = change.to.id.and_then(|team_id| members.get(&(change.tenant_id, team_id)));
        for (agent_id, kind) in concerned(change, queue.map_or(&[][..], Vec::as_slice)) {
            told.push(notification(ambient, change, agent_id, kind));
        }
    }
    Ok(told)
}

/// The active members of the teams among some holders, by tenant and team.
pub(super) async fn members(
    connection: &mut Connection,
    holders: impl Iterator<Item = (Uuid, Holder)>,
) -> Result<BTreeMap<(Uuid, Uuid), Vec<Uuid>>> {
    let teams = holders.filter(|(_, holder)| holder.kind == HolderKind::Team);
    let teams: BTreeSet<(Uuid, Uuid)> =
        teams.filter_map(|(tenant_id, team)| Some((tenant_id, team.id?))).collect();
    let teams: Vec<(Uuid, Uuid)> = teams.into_iter().collect();
    let mut members: BTreeMap<_, Vec<Uuid>> = BTreeMap::new();
    for (tenant_id, team_id, agent_id) in store::team::active_members(connection, &teams).await? {
        members.entry((tenant_id, team_id)).or_default().push(agent_id);
    }
    Ok(members)
}

/// Writes all notifications of a transaction, a thousand at a time. Answers how many are new.
///
/// Agents come in the order of their ids, whoever writes: those who write at once wait for each other and never in a circle.
pub async fn tell(connection: &mut Connection, mut told: Vec<Notification>) -> Result<u64> {
    told.sort_by_key(|notification| (notification.tenant_id, notification.agent_id));
    let mut new = 0;
    for chunk in told.chunks(MOST) {
        new += store::notification::insert(connection, chunk).await?;
    }
    Ok(new)
}

/// Up to the limit of the API; what another release of conversation lets through must not stop the feed.
pub(super) fn note(text: &str) -> String {
    text.chars().take(4_000).collect()
}

/// Forgets notifications, and what they were made of, older than they are kept.
pub async fn forget(app: &App) -> Result<()> {
    let mut tx = begin(&app.pool).await?;
    let before = app.ambient.now() - KEPT;
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    store::notification::prune(&mut tx, before, most).await?;
    store::wake::prune(&mut tx, before, most).await?;
    tx.commit().await?;
    Ok(())
}

/// Who is told of a change, and what: each agent one thing, nobody of what they did themselves.
fn concerned(change: &HolderChange, members: &[Uuid]) -> BTreeMap<Uuid, NotificationKind> {
    let mut told = BTreeMap::new();
    let from = change.from.and_then(Holder::agent_id);
    let to = change.to.agent_id();
    for member in members {
        told.insert(*member, NotificationKind::TeamQueue);
    }
    if let Some(to) = to.filter(|_| from != to) {
        let kind = if from.is_some() { NotificationKind::Transferred } else { NotificationKind::Assigned };
        told.insert(to, kind);
    }
    if let Some(from) = from.filter(|_| from != to && is_taking(change)) {
        told.insert(from, NotificationKind::TakenAway);
    }
    if let Some(actor) = change.actor.agent_id() {
        told.remove(&actor);
    }
    told
}

/// A person changed the holder. A close, a reopening or a merge takes nothing away from anybody.
fn is_taking(change: &HolderChange) -> bool {
    matches!(change.cause, Cause::TakeOver | Cause::Assign | Cause::Release | Cause::Unassign)
        && matches!(change.actor.kind, ActorKind::Agent | ActorKind::Business)
}

fn notification(
    ambient: &Ambient,
    change: &HolderChange,
    agent_id: Uuid,
    kind: NotificationKind,
) -> Notification {
    let said = if change.note.is_empty() { &change.hand_off_summary } else { &change.note };
    Notification {
        tenant_id: change.tenant_id,
        agent_id,
        id: ambient.id(),
        entry_id: change.entry_id,
        kind,
        conversation_id: change.conversation_id,
        customer_id: None,
        note: note(said),
        actor: change.actor,
        epoch: change.epoch,
        at: change.at,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::model::Actor;

    const A: Uuid = Uuid::from_u128(0xa);
    const B: Uuid = Uuid::from_u128(0xb);
    const LEAD: Uuid = Uuid::from_u128(0xc);
    const TEAM: Uuid = Uuid::from_u128(0xd);

    fn told(cause: Cause, actor: Actor, from: Holder, to: Holder) -> Vec<(Uuid, NotificationKind)> {
        let change = HolderChange {
            tenant_id: Uuid::from_u128(1),
            entry_id: Uuid::from_u128(2),
            conversation_id: Uuid::from_u128(3),
            channel_id: Uuid::from_u128(4),
            contact_id: Uuid::from_u128(5),
            at_position: 1,
            at: DateTime::default(),
            actor,
            cause,
            from: Some(from),
            to,
            epoch: 2,
            note: String::new(),
            hand_off_reason: None,
            hand_off_summary: String::new(),
            request_id: None,
            hand_off_skill: String::new(),
            hand_off_language: String::new(),
        };
        let members = if to.kind == HolderKind::Team { &[A, B][..] } else { &[] };
        concerned(&change, members).into_iter().collect()
    }

    #[test]
    fn whom_a_change_concerns() {
        use NotificationKind::{Assigned, TakenAway, TeamQueue, Transferred};
        let by = |id| Actor::person(Some(id));
        let (a, b, team) = (Holder::agent(A), Holder::agent(B), Holder::team(TEAM));
        assert_eq!(told(Cause::TakeOver, by(A), Holder::AI, a), []);
        assert_eq!(told(Cause::Assign, by(LEAD), Holder::AI, a), [(A, Assigned)]);
        assert_eq!(told(Cause::Assign, by(A), a, b), [(B, Transferred)]);
        assert_eq!(told(Cause::Assign, by(LEAD), a, b), [(A, TakenAway), (B, Transferred)]);
        assert_eq!(told(Cause::TakeOver, by(LEAD), a, Holder::agent(LEAD)), [(A, TakenAway)]);
        assert_eq!(told(Cause::Assign, Actor::person(None), a, team), [(A, TakenAway), (B, TeamQueue)]);
        assert_eq!(told(Cause::HandOff, Actor::AI, Holder::AI, team), [(A, TeamQueue), (B, TeamQueue)]);
        assert_eq!(told(Cause::Assign, by(B), b, team), [(A, TeamQueue)]);
        assert_eq!(told(Cause::Release, by(A), a, Holder::AI), []);
        assert_eq!(told(Cause::Release, by(LEAD), a, Holder::AI), [(A, TakenAway)]);
        assert_eq!(told(Cause::Close, by(LEAD), a, Holder::AI), []);
        assert_eq!(told(Cause::Merge, Actor { kind: ActorKind::System, id: None }, a, a), []);
    }
}
