//! The typed filter from the wire.

use chrono::{DateTime, Datelike, DurationRound, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use tandem_fault::Violations;
use tandem_proto::r#type::v1 as proto;

use super::parse::{ids, kinds, time};
use crate::domain::filter::{Assignment, Filter, Tags, Times};
use crate::domain::kinds::{ActorKind, ChannelKind, HandOffReason, HolderKind, Priority, Status};

/// Values in one part.
const MOST: usize = 100;

pub fn parse(
    violations: &mut Violations,
    filter: Option<proto::ConversationFilter>,
    now: DateTime<Utc>,
) -> Filter {
    let from = filter.unwrap_or_default();
    let mut v = Violations::new();
    v.check(from.text.is_empty(), "text", "belongs in SearchMessages");
    let assignment = from.assignment.unwrap_or_default();
    let parsed = Filter {
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
        snoozed_until: range(&mut v, "snoozed_until", from.snoozed_until, now),
        last_activity: range(&mut v, "last_activity", from.last_activity, now),
        created: range(&mut v, "created", from.created, now),
        closed: range(&mut v, "closed", from.closed, now),
        now,
    };
    violations.nest("filter", v);
    parsed
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

/// An absolute range, or a named one in a time zone.
fn range(v: &mut Violations, field: &str, range: Option<proto::TimeRange>, now: DateTime<Utc>) -> Times {
    let Some(range) = range else { return Times::default() };
    if range.relative == 0 {
        let from = time(v, &format!("{field}.from"), range.from);
        let until = time(v, &format!("{field}.until"), range.until);
        return Times { from, until };
    }
    v.check(range.from.is_none() && range.until.is_none(), field, "must be absolute or relative, not both");
    let zone = if range.time_zone.is_empty() { Ok(Tz::UTC) } else { range.time_zone.parse::<Tz>() };
    let zone = v.take(&format!("{field}.time_zone"), zone.map_err(|_| "must be an IANA time zone"));
    let named = proto::RelativeRange::try_from(range.relative).ok();
    v.check(named.is_some(), &format!("{field}.relative"), "must be one of the known values");
    match (zone, named) {
        (Some(zone), Some(named)) => relative(zone, named, now),
        _ => Times::default(),
    }
}

fn relative(zone: Tz, range: proto::RelativeRange, now: DateTime<Utc>) -> Times {
    use proto::RelativeRange as Range;
    let today = now.with_timezone(&zone).date_naive();
    // A midnight that a clock change skips begins with the first instant after it.
    let at = |date: chrono::NaiveDate, hour: u32| {
        let wall = date.and_time(NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default());
        let local =
            (0..4).find_map(|hours| zone.from_local_datetime(&(wall + TimeDelta::hours(hours))).earliest());
        local.map(|local| local.with_timezone(&Utc))
    };
    let days = |back: i64| today - TimeDelta::days(back);
    let (from, until) = match range {
        Range::Unspecified => (None, None),
        Range::Today => (at(today, 0), None),
        Range::Yesterday => (at(days(1), 0), at(today, 0)),
        Range::ThisWeek => (at(days(today.weekday().num_days_from_monday().into()), 0), None),
        // To the hour: a live list need not let go of a row every second.
        Range::Last7Days => {
            (now.duration_trunc(TimeDelta::hours(1)).ok().map(|hour| hour - TimeDelta::days(7)), None)
        }
        Range::Last30Days => {
            (now.duration_trunc(TimeDelta::hours(1)).ok().map(|hour| hour - TimeDelta::days(30)), None)
        }
        Range::LastNight => (at(days(1), 18), at(today, 8)),
    };
    Times { from, until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_night_is_told_in_the_callers_time_zone() {
        let now = "2026-03-27T09:30:00Z".parse().unwrap();
        let times = relative(Tz::Asia__Jerusalem, proto::RelativeRange::LastNight, now);
        assert_eq!(times.from, Some("2026-03-26T16:00:00Z".parse().unwrap()));
        // The clocks went forward in between: 08:00 is an hour earlier in UTC.
        assert_eq!(times.until, Some("2026-03-27T05:00:00Z".parse().unwrap()));
    }
}
