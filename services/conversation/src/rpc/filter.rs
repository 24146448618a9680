//! The typed filter from the wire, and back.

use chrono_tz::Tz;
use tandem_fault::Violations;
use tandem_proto::r#type::v1 as proto;
use uuid::Uuid;

use super::convert;
use super::parse::{distinct_ids as ids, kinds, optional_kind, time};
use crate::domain::asked::{Asked, Range};
use crate::domain::filter::{Assignment, Filter, Tags, Times};
use crate::domain::kinds::{ActorKind, ChannelKind, HandOffReason, HolderKind, NamedRange, Priority, Status};

/// Values in one part.
const MOST: usize = 100;

/// A filter as it was asked; `field` is where it stands.
pub fn ask(violations: &mut Violations, field: &str, filter: Option<proto::ConversationFilter>) -> Asked {
    let from = filter.unwrap_or_default();
    let mut v = Violations::new();
    v.check(from.text.is_empty(), "text", "belongs in SearchMessages");
    let assignment = from.assignment.unwrap_or_default();
    let parts = Filter {
        statuses: kinds(&mut v, "statuses", &from.statuses, Status::from_number),
        holder_kinds: kinds(&mut v, "holder_kinds", &from.holder_kinds, HolderKind::from_number),
        assignment: Assignment {
            mine: assignment.mine,
            my_teams: assignment.my_teams,
            unassigned: assignment.unassigned,
            agent_ids: ids(&mut v, "assignment.agent_ids", &assignment.agent_ids, MOST),
            team_ids: ids(&mut v, "assignment.team_ids", &assignment.team_ids, MOST),
        },
        answered_by: kinds(&mut v, "answered_by", &from.answered_by, ActorKind::from_number),
        hand_off_reasons: kinds(
            &mut v,
            "hand_off_reasons",
            &from.hand_off_reasons,
            HandOffReason::from_number,
        ),
        needs_attention: from.needs_attention,
        unread: from.unread,
        channel_ids: ids(&mut v, "channel_ids", &from.channel_ids, MOST),
        channel_kinds: kinds(&mut v, "channel_kinds", &from.channel_kinds, ChannelKind::from_number),
        contact_ids: ids(&mut v, "contact_ids", &from.contact_ids, MOST),
        customer_ids: ids(&mut v, "customer_ids", &from.customer_ids, MOST),
        customer_tags: tags(&mut v, "customer_tags", from.customer_tags),
        labels: tags(&mut v, "labels", from.labels),
        priorities: kinds(&mut v, "priorities", &from.priorities, Priority::from_number),
        waiting: from.waiting,
        overdue: from.overdue,
        ..Filter::default()
    };
    let asked = Asked {
        parts,
        snoozed_until: range(&mut v, "snoozed_until", from.snoozed_until),
        last_activity: range(&mut v, "last_activity", from.last_activity),
        created: range(&mut v, "created", from.created),
        closed: range(&mut v, "closed", from.closed),
    };
    violations.nest(field, v);
    asked
}

/// The time zone that named ranges are told in where they say none.
pub fn zone(violations: &mut Violations, field: &str, name: &str) -> Tz {
    let zone = if name.is_empty() { Ok(Tz::UTC) } else { name.parse() };
    violations.take(field, zone.map_err(|_| "must be an IANA time zone")).unwrap_or(Tz::UTC)
}

fn tags(v: &mut Violations, field: &str, filter: Option<proto::TagFilter>) -> Tags {
    let from = filter.unwrap_or_default();
    Tags {
        any: ids(v, &format!("{field}.any"), &from.any, MOST),
        all: ids(v, &format!("{field}.all"), &from.all, MOST),
        none: ids(v, &format!("{field}.none"), &from.none, MOST),
        any_of_each: Vec::new(),
    }
}

/// An absolute range, or a named one, which may say its time zone.
fn range(v: &mut Violations, field: &str, range: Option<proto::TimeRange>) -> Range {
    let Some(asked) = range else { return Range::default() };
    if asked.relative == 0 {
        let from = time(v, &format!("{field}.from"), asked.from);
        let until = time(v, &format!("{field}.until"), asked.until);
        return Range::Absolute(Times { from, until });
    }
    v.check(asked.from.is_none() && asked.until.is_none(), field, "must be absolute or relative, not both");
    zone(v, &format!("{field}.time_zone"), &asked.time_zone);
    let named = optional_kind(v, &format!("{field}.relative"), asked.relative, NamedRange::from_number);
    named.map_or_else(Range::default, |range| Range::Named { range, zone: asked.time_zone })
}

/// A filter as it was asked, on the wire again.
pub fn to_proto(asked: &Asked) -> proto::ConversationFilter {
    let Asked { parts, snoozed_until, last_activity, created, closed } = asked;
    let assignment = (!parts.assignment.is_empty()).then(|| proto::AssignmentFilter {
        mine: parts.assignment.mine,
        my_teams: parts.assignment.my_teams,
        unassigned: parts.assignment.unassigned,
        agent_ids: texts(&parts.assignment.agent_ids),
        team_ids: texts(&parts.assignment.team_ids),
    });
    proto::ConversationFilter {
        statuses: numbers(&parts.statuses, Status::number),
        holder_kinds: numbers(&parts.holder_kinds, HolderKind::number),
        assignment,
        answered_by: numbers(&parts.answered_by, ActorKind::number),
        hand_off_reasons: numbers(&parts.hand_off_reasons, HandOffReason::number),
        needs_attention: parts.needs_attention,
        unread: parts.unread,
        channel_ids: texts(&parts.channel_ids),
        channel_kinds: numbers(&parts.channel_kinds, ChannelKind::number),
        contact_ids: texts(&parts.contact_ids),
        customer_ids: texts(&parts.customer_ids),
        customer_tags: tags_to_proto(&parts.customer_tags),
        labels: tags_to_proto(&parts.labels),
        priorities: numbers(&parts.priorities, Priority::number),
        waiting: parts.waiting,
        overdue: parts.overdue,
        snoozed_until: range_to_proto(snoozed_until),
        last_activity: range_to_proto(last_activity),
        created: range_to_proto(created),
        closed: range_to_proto(closed),
        text: String::new(),
    }
}

fn tags_to_proto(tags: &Tags) -> Option<proto::TagFilter> {
    let Tags { any, all, none, .. } = tags;
    let empty = any.is_empty() && all.is_empty() && none.is_empty();
    (!empty).then(|| proto::TagFilter { any: texts(any), all: texts(all), none: texts(none) })
}

fn range_to_proto(range: &Range) -> Option<proto::TimeRange> {
    match range {
        Range::Absolute(Times { from: None, until: None }) => None,
        Range::Absolute(times) => Some(proto::TimeRange {
            from: times.from.map(convert::time),
            until: times.until.map(convert::time),
            ..proto::TimeRange::default()
        }),
        Range::Named { range, zone } => Some(proto::TimeRange {
            relative: range.number().into(),
            time_zone: zone.clone(),
            ..proto::TimeRange::default()
        }),
    }
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

fn numbers<T: Copy>(values: &[T], number: fn(T) -> i16) -> Vec<i32> {
    values.iter().map(|value| number(*value).into()).collect()
}
