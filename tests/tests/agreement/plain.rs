//! A filter as its documentation says it, without an index, a statement or a plan.

use chrono::{DateTime, Datelike, Days, DurationRound, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use prost_types::Timestamp;
use tandem_proto::conversation::v1::ConversationRow;
use tandem_proto::r#type::v1::{
    AssignmentFilter, AttentionReason, ConversationFilter, Holder, HolderKind, RelativeRange, TagFilter,
    TimeRange,
};

/// Who asks.
#[derive(Debug, Default)]
pub struct Asker {
    pub agent_id: Option<String>,
    pub team_ids: Vec<String>,
}

/// Whether a row that the asker sees is meant.
pub fn matches(
    filter: &ConversationFilter,
    asker: &Asker,
    row: &ConversationRow,
    now: DateTime<Utc>,
) -> bool {
    let is = row.conversation.as_ref().unwrap();
    let holder = is.holder.clone().unwrap_or_default();
    let overdue = instant(is.due_time).is_some_and(|due| due <= now);
    let attention = is.needs_attention() != AttentionReason::Unspecified;
    one_of(&filter.statuses, &is.status)
        && one_of(&filter.holder_kinds, &holder.kind)
        && filter.assignment.as_ref().is_none_or(|wanted| assigned(wanted, asker, &holder))
        && one_of(&filter.answered_by, &is.answered_by)
        && one_of(&filter.hand_off_reasons, &is.hand_off_reason)
        && equals(filter.needs_attention, attention)
        && equals(filter.unread, row.unread)
        && one_of(&filter.channel_ids, &is.channel_id)
        && one_of(&filter.channel_kinds, &row.channel_kind)
        && one_of(&filter.contact_ids, &is.contact_id)
        && one_of(&filter.customer_ids, &is.customer_id)
        && tagged(filter.customer_tags.as_ref(), &row.customer_tag_ids)
        && tagged(filter.labels.as_ref(), &is.label_ids)
        && one_of(&filter.priorities, &is.priority)
        && equals(filter.waiting, is.waiting_since.is_some())
        && equals(filter.overdue, overdue)
        && inside(filter.snoozed_until.as_ref(), is.snoozed_until, now)
        && inside(filter.last_activity.as_ref(), is.last_activity_time, now)
        && inside(filter.created.as_ref(), is.create_time, now)
        && inside(filter.closed.as_ref(), is.close_time, now)
}

fn one_of<T: PartialEq>(wanted: &[T], is: &T) -> bool {
    wanted.is_empty() || wanted.contains(is)
}

fn equals(wanted: Option<bool>, is: bool) -> bool {
    wanted.is_none_or(|wanted| wanted == is)
}

fn assigned(wanted: &AssignmentFilter, asker: &Asker, holder: &Holder) -> bool {
    if *wanted == AssignmentFilter::default() {
        return true;
    }
    let (agent, team) = (holder.kind() == HolderKind::Agent, holder.kind() == HolderKind::Team);
    (wanted.mine && agent && asker.agent_id.as_ref() == Some(&holder.id))
        || (wanted.my_teams && team && asker.team_ids.contains(&holder.id))
        || (wanted.unassigned && !agent)
        || (agent && wanted.agent_ids.contains(&holder.id))
        || (team && wanted.team_ids.contains(&holder.id))
}

fn tagged(wanted: Option<&TagFilter>, has: &[String]) -> bool {
    let Some(wanted) = wanted else { return true };
    (wanted.any.is_empty() || wanted.any.iter().any(|tag| has.contains(tag)))
        && wanted.all.iter().all(|tag| has.contains(tag))
        && !wanted.none.iter().any(|tag| has.contains(tag))
}

fn instant(time: Option<Timestamp>) -> Option<DateTime<Utc>> {
    time.and_then(|time| DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned()))
}

fn inside(range: Option<&TimeRange>, time: Option<Timestamp>, now: DateTime<Utc>) -> bool {
    let Some(range) = range else { return true };
    let (from, until) = match range.relative() {
        RelativeRange::Unspecified => (instant(range.from), instant(range.until)),
        named => bounds(named, range.time_zone.parse().unwrap(), now),
    };
    instant(time)
        .is_some_and(|time| from.is_none_or(|from| from <= time) && until.is_none_or(|until| time < until))
}

/// Time zones whose clocks change at midnight are not for this.
fn bounds(
    range: RelativeRange,
    zone: Tz,
    now: DateTime<Utc>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let today = now.with_timezone(&zone).date_naive();
    let midnight = |day: chrono::NaiveDate| {
        let local = zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).unwrap();
        Some(local.with_timezone(&Utc))
    };
    let monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
    match range {
        RelativeRange::Today => (midnight(today), midnight(today + Days::new(1))),
        RelativeRange::ThisWeek => (midnight(monday), midnight(monday + Days::new(7))),
        RelativeRange::Last7Days => {
            (Some(now.duration_trunc(TimeDelta::hours(1)).unwrap() - TimeDelta::days(7)), None)
        }
        other => unreachable!("{other:?} is not made"),
    }
}
