//! The shared filter: checked here as a whole, so that every wrong field is named at once.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use prost_types::Timestamp;
use tandem_fault::Violations;
use tandem_proto::r#type::v1 as types;
use tandem_proto::r#type::v1::{
    ActorKind, ChannelKind, ConversationFilter, ConversationStatus, HandOffReason, HolderKind, Priority,
    RelativeRange, TagFilter,
};
use uuid::Uuid;

use super::parse::MOST_VALUES;
use crate::domain::time_range::{Named, TimeRange};
use crate::peer::Filter;

/// A filter, by who decides it.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Held by documents.
    pub channel_ids: Vec<Uuid>,
    pub contact_ids: Vec<Uuid>,
    /// The whole filter, when it has a part that documents do not hold.
    pub for_conversation: Option<Filter>,
}

pub fn filter(
    violations: &mut Violations,
    filter: ConversationFilter,
    path: &str,
    now: DateTime<Utc>,
) -> Parsed {
    let at = |name: &str| format!("{path}.{name}");
    all_known::<ConversationStatus>(violations, &filter.statuses, &at("statuses"));
    all_known::<HolderKind>(violations, &filter.holder_kinds, &at("holder_kinds"));
    all_known::<ActorKind>(violations, &filter.answered_by, &at("answered_by"));
    all_known::<HandOffReason>(violations, &filter.hand_off_reasons, &at("hand_off_reasons"));
    all_known::<ChannelKind>(violations, &filter.channel_kinds, &at("channel_kinds"));
    all_known::<Priority>(violations, &filter.priorities, &at("priorities"));
    if let Some(assignment) = &filter.assignment {
        ids(violations, &assignment.agent_ids, &at("assignment.agent_ids"));
        ids(violations, &assignment.team_ids, &at("assignment.team_ids"));
    }
    let channel_ids = ids(violations, &filter.channel_ids, &at("channel_ids"));
    let contact_ids = ids(violations, &filter.contact_ids, &at("contact_ids"));
    ids(violations, &filter.customer_ids, &at("customer_ids"));
    for (name, tags) in [("customer_tags", &filter.customer_tags), ("labels", &filter.labels)] {
        let TagFilter { any, all, none } = tags.clone().unwrap_or_default();
        for (part, values) in [("any", any), ("all", all), ("none", none)] {
            ids(violations, &values, &at(&format!("{name}.{part}")));
        }
    }
    for (name, range) in [
        ("snoozed_until", &filter.snoozed_until),
        ("last_activity", &filter.last_activity),
        ("created", &filter.created),
        ("closed", &filter.closed),
    ] {
        time_range(violations, range.as_ref(), &at(name), now);
    }
    violations.check(filter.text.is_empty(), &at("text"), "must be empty: the query holds the words");
    let held = ConversationFilter {
        channel_ids: filter.channel_ids.clone(),
        contact_ids: filter.contact_ids.clone(),
        ..ConversationFilter::default()
    };
    let for_conversation = (filter != held).then(|| Filter { filter: Some(filter), ..Filter::default() });
    Parsed { channel_ids, contact_ids, for_conversation }
}

/// At most a hundred UUIDs.
pub fn ids(violations: &mut Violations, texts: &[String], path: &str) -> Vec<Uuid> {
    most(violations, texts.len(), path);
    let parse = |(index, text): (usize, &String)| {
        violations.take(&format!("{path}[{index}]"), text.parse::<Uuid>().map_err(|_| "must be a UUID"))
    };
    texts.iter().enumerate().filter_map(parse).collect()
}

/// A value of an enum, and not its zero.
pub fn known<E: TryFrom<i32>>(violations: &mut Violations, value: i32, path: &str) {
    violations.check(value != 0 && E::try_from(value).is_ok(), path, "must be a known value");
}

fn all_known<E: TryFrom<i32>>(violations: &mut Violations, values: &[i32], path: &str) {
    most(violations, values.len(), path);
    for (index, value) in values.iter().enumerate() {
        known::<E>(violations, *value, &format!("{path}[{index}]"));
    }
}

fn most(violations: &mut Violations, count: usize, path: &str) {
    violations.check(count <= MOST_VALUES, path, "must be at most 100 values");
}

/// A range of time as instants at `now`.
pub fn time_range(
    violations: &mut Violations,
    range: Option<&types::TimeRange>,
    path: &str,
    now: DateTime<Utc>,
) -> TimeRange {
    let Some(range) = range else { return TimeRange::default() };
    let at = |name: &str| format!("{path}.{name}");
    let zone = zone(violations, &at("time_zone"), &range.time_zone);
    let from = instant(violations, range.from.as_ref(), &at("from"));
    let until = instant(violations, range.until.as_ref(), &at("until"));
    if let (Some(from), Some(until)) = (from, until) {
        violations.check(from < until, &at("until"), "must be after `from`");
    }
    let named = match RelativeRange::try_from(range.relative) {
        Ok(RelativeRange::Unspecified) => return TimeRange { from, until },
        Ok(RelativeRange::Today) => Named::Today,
        Ok(RelativeRange::Yesterday) => Named::Yesterday,
        Ok(RelativeRange::ThisWeek) => Named::ThisWeek,
        Ok(RelativeRange::Last7Days) => Named::Last7Days,
        Ok(RelativeRange::Last30Days) => Named::Last30Days,
        Ok(RelativeRange::LastNight) => Named::LastNight,
        Err(_) => {
            violations.add(at("relative"), "must be a known value");
            return TimeRange::default();
        }
    };
    let alone = range.from.is_none() && range.until.is_none();
    violations.check(alone, &at("relative"), "must not be set together with `from` or `until`");
    zone.map_or_else(TimeRange::default, |zone| named.at(now, zone))
}

/// A time zone; UTC when it is empty.
pub fn zone(violations: &mut Violations, path: &str, name: &str) -> Option<Tz> {
    match name {
        "" => Some(Tz::UTC),
        name => violations.take(path, name.parse::<Tz>().map_err(|_| "must be an IANA time zone")),
    }
}

fn instant(violations: &mut Violations, time: Option<&Timestamp>, path: &str) -> Option<DateTime<Utc>> {
    let time = time?;
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let parsed = nanos.and_then(|nanos| DateTime::from_timestamp(time.seconds, nanos));
    violations.take(path, parsed.ok_or("must be a valid time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(filter: ConversationFilter) -> Vec<String> {
        let mut violations = Violations::new();
        super::filter(&mut violations, filter, "filter", DateTime::default());
        match violations.finish() {
            Ok(()) => Vec::new(),
            Err(fault) => fault.violations.into_iter().map(|violation| violation.field).collect(),
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let id = Uuid::nil().to_string();
        let range = |from: i64, until: i64| types::TimeRange {
            from: Some(Timestamp { seconds: from, nanos: 0 }),
            until: Some(Timestamp { seconds: until, nanos: 0 }),
            ..types::TimeRange::default()
        };
        let wrong = ConversationFilter {
            statuses: vec![1, 99, 0],
            channel_ids: vec!["x".into(), id.clone()],
            customer_tags: Some(TagFilter { all: vec!["y".into()], ..TagFilter::default() }),
            created: Some(range(2, 1)),
            closed: Some(types::TimeRange { time_zone: "Mars/Base".into(), relative: 77, ..range(1, 2) }),
            labels: Some(TagFilter { any: vec![id; 101], ..TagFilter::default() }),
            text: "words".into(),
            ..ConversationFilter::default()
        };
        assert_eq!(
            fields(wrong),
            [
                "filter.statuses[1]",
                "filter.statuses[2]",
                "filter.channel_ids[0]",
                "filter.customer_tags.all[0]",
                "filter.labels.any",
                "filter.created.until",
                "filter.closed.time_zone",
                "filter.closed.relative",
                "filter.text"
            ]
        );
        assert!(fields(ConversationFilter::default()).is_empty());
    }

    #[test]
    fn conversation_is_asked_only_about_what_documents_do_not_hold() {
        let mut violations = Violations::new();
        let held = ConversationFilter { channel_ids: vec![Uuid::nil().to_string()], ..Default::default() };
        let parsed = filter(&mut violations, held.clone(), "filter", DateTime::default());
        assert!(parsed.for_conversation.is_none() && parsed.channel_ids == [Uuid::nil()]);
        let more = ConversationFilter { unread: Some(false), ..held };
        assert!(filter(&mut violations, more, "filter", DateTime::default()).for_conversation.is_some());
    }
}
