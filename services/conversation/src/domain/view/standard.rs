//! The views that every tenant has, without a row until one is changed: so tenants of every age have them.

use uuid::Uuid;

use super::{Look, Owner, View};
use crate::domain::asked::{Asked, Range};
use crate::domain::filter::{Assignment, Filter};
use crate::domain::kinds::StandardView::{self, *};
use crate::domain::kinds::{ActorKind, NamedRange, Status};
use crate::domain::order::Order;

pub const ALL: [StandardView; 11] = [
    New,
    Unread,
    AssignedToMe,
    Unassigned,
    NewAndUnassigned,
    NeedsAttention,
    WaitingLongest,
    Overdue,
    HandledByTheAiLastNight,
    SnoozedUntilToday,
    ClosedThisWeek,
];

const LIVE: [Status; 3] = [Status::New, Status::Open, Status::Snoozed];
const IN_HAND: [Status; 2] = [Status::New, Status::Open];

/// The id of a tenant's standard view, the same for good.
fn id(tenant_id: Uuid, standard: StandardView) -> Uuid {
    Uuid::new_v5(&tenant_id, format!("standard view {}", standard.number()).as_bytes())
}

/// The standard view that has an id.
pub fn find(tenant_id: Uuid, view_id: Uuid) -> Option<View> {
    ALL.into_iter().find(|standard| id(tenant_id, *standard) == view_id).map(|it| define(tenant_id, it))
}

/// A standard view as it is until a tenant changes it.
pub fn define(tenant_id: Uuid, standard: StandardView) -> View {
    View {
        id: id(tenant_id, standard),
        owner: Owner::Tenant,
        standard: Some(standard),
        look: look(standard),
        created_at: None,
        updated_at: None,
        version: 0,
    }
}

fn look(standard: StandardView) -> Look {
    let unassigned = || Assignment { unassigned: true, ..Assignment::default() };
    let mine = || Assignment { mine: true, ..Assignment::default() };
    let any = Filter::default;
    let (name, icon, order, parts) = match standard {
        New => ("New", "inbox", Order::NewestActivity, Filter { statuses: vec![Status::New], ..any() }),
        Unread => ("Unread", "mail", Order::NewestActivity, Filter { unread: Some(true), ..any() }),
        AssignedToMe => {
            ("Assigned to me", "user", Order::NewestActivity, Filter { assignment: mine(), ..any() })
        }
        Unassigned => {
            let parts = Filter { statuses: IN_HAND.to_vec(), assignment: unassigned(), ..any() };
            ("Unassigned", "user-x", Order::NewestActivity, parts)
        }
        NewAndUnassigned => {
            let parts = Filter { statuses: vec![Status::New], assignment: unassigned(), ..any() };
            ("New and unassigned", "user-plus", Order::NewestActivity, parts)
        }
        NeedsAttention => {
            let parts = Filter { statuses: LIVE.to_vec(), needs_attention: Some(true), ..any() };
            ("Needs attention", "bell", Order::LongestWaiting, parts)
        }
        WaitingLongest => {
            let parts = Filter { statuses: IN_HAND.to_vec(), waiting: Some(true), ..any() };
            ("Waiting longest", "hourglass", Order::LongestWaiting, parts)
        }
        Overdue => {
            let parts = Filter { statuses: LIVE.to_vec(), overdue: Some(true), ..any() };
            ("Overdue", "alarm", Order::LongestWaiting, parts)
        }
        HandledByTheAiLastNight => {
            let parts = Filter { answered_by: vec![ActorKind::Ai], ..any() };
            ("Handled by the AI last night", "moon", Order::NewestActivity, parts)
        }
        SnoozedUntilToday => {
            let parts = Filter { statuses: vec![Status::Snoozed], ..any() };
            ("Snoozed until today", "clock", Order::NewestActivity, parts)
        }
        ClosedThisWeek => {
            let parts = Filter { statuses: vec![Status::Closed], ..any() };
            ("Closed this week", "check", Order::NewestActivity, parts)
        }
    };
    // In the time zone of whoever looks.
    let named = |of: StandardView, range| match standard == of {
        true => Range::Named { range, zone: String::new() },
        false => Range::default(),
    };
    let filter = Asked {
        parts,
        last_activity: named(HandledByTheAiLastNight, NamedRange::LastNight),
        snoozed_until: named(SnoozedUntilToday, NamedRange::Today),
        closed: named(ClosedThisWeek, NamedRange::ThisWeek),
        created: Range::default(),
    };
    Look { name: name.to_owned(), icon: icon.to_owned(), filter, order, ..Look::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_standard_view_has_an_id_of_its_own_in_every_tenant() {
        let tenants = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let ids: HashSet<Uuid> =
            tenants.iter().flat_map(|tenant| ALL.map(|standard| define(*tenant, standard).id)).collect();
        assert_eq!(ids.len(), 22);
        // Clients keep ids: they must not change with a release.
        let new = define(tenants[0], New);
        assert_eq!(new.id.to_string(), Uuid::new_v5(&tenants[0], b"standard view 1").to_string());
        assert_eq!(find(tenants[0], new.id).unwrap().standard, Some(New));
        assert!(find(tenants[1], new.id).is_none());
        let numbers: Vec<i16> = ALL.into_iter().map(StandardView::number).collect();
        assert_eq!(numbers, (1..=11).collect::<Vec<i16>>());
    }
}
