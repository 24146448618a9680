//! A filter as it was asked, and as views keep it: named ranges of time are told when it is used, in the time zone of
//! whoever uses it where it names none.

use chrono::{DateTime, Datelike, DurationRound, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::filter::{Filter, Times};
use super::kinds::NamedRange;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Everything but the ranges.
    pub parts: Filter,
    pub snoozed_until: Range,
    pub last_activity: Range,
    pub created: Range,
    pub closed: Range,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    Absolute(Times),
    /// `zone` is the name of an IANA time zone, or empty for that of the caller.
    Named {
        range: NamedRange,
        zone: String,
    },
}

impl Default for Range {
    fn default() -> Self {
        Self::Absolute(Times::default())
    }
}

impl Asked {
    /// The filter as it is meant at an instant by a caller in a time zone.
    pub fn at(&self, now: DateTime<Utc>, zone: Tz) -> Filter {
        Filter {
            snoozed_until: self.snoozed_until.at(now, zone),
            last_activity: self.last_activity.at(now, zone),
            created: self.created.at(now, zone),
            closed: self.closed.at(now, zone),
            now,
            ..self.parts.clone()
        }
    }
}

impl Range {
    fn at(&self, now: DateTime<Utc>, callers: Tz) -> Times {
        match self {
            Self::Absolute(times) => *times,
            Self::Named { range, zone } => named(zone.parse().unwrap_or(callers), *range, now),
        }
    }
}

/// A day ends where the next one begins: also for times to come, such as when a conversation wakes.
fn named(zone: Tz, range: NamedRange, now: DateTime<Utc>) -> Times {
    let today = now.with_timezone(&zone).date_naive();
    // A midnight that a clock change skips begins with the first instant after it.
    let at = |date: NaiveDate, hour: u32| {
        let wall = date.and_time(NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default());
        let local =
            (0..4).find_map(|hours| zone.from_local_datetime(&(wall + TimeDelta::hours(hours))).earliest());
        local.map(|local| local.with_timezone(&Utc))
    };
    let day = |from_today: i64| today + TimeDelta::days(from_today);
    let monday = -i64::from(today.weekday().num_days_from_monday());
    let hour = now.duration_trunc(TimeDelta::hours(1)).ok();
    let (from, until) = match range {
        NamedRange::Today => (at(today, 0), at(day(1), 0)),
        NamedRange::Yesterday => (at(day(-1), 0), at(today, 0)),
        NamedRange::ThisWeek => (at(day(monday), 0), at(day(monday + 7), 0)),
        // To the hour: a live list need not let go of a row every second.
        NamedRange::Last7Days => (hour.map(|hour| hour - TimeDelta::days(7)), None),
        NamedRange::Last30Days => (hour.map(|hour| hour - TimeDelta::days(30)), None),
        NamedRange::LastNight => (at(day(-1), 18), at(today, 8)),
    };
    Times { from, until }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn last_night_is_told_in_the_callers_time_zone() {
        let now = "2026-03-27T09:30:00Z".parse().unwrap();
        let asked = |zone: &str| Range::Named { range: NamedRange::LastNight, zone: zone.to_owned() };
        let times = asked("").at(now, Tz::Asia__Jerusalem);
        // The clocks went forward in between: 08:00 is an hour earlier in UTC.
        assert_eq!(times, Times { from: at("2026-03-26T16:00:00Z"), until: at("2026-03-27T05:00:00Z") });
        let times = asked("UTC").at(now, Tz::Asia__Jerusalem);
        assert_eq!(times, Times { from: at("2026-03-26T18:00:00Z"), until: at("2026-03-27T08:00:00Z") });
    }

    #[test]
    fn today_and_this_week_end() {
        let sunday = "2026-11-22T09:30:00Z".parse().unwrap();
        let times = named(Tz::UTC, NamedRange::Today, sunday);
        assert_eq!(times, Times { from: at("2026-11-22T00:00:00Z"), until: at("2026-11-23T00:00:00Z") });
        let times = named(Tz::UTC, NamedRange::ThisWeek, sunday);
        assert_eq!(times, Times { from: at("2026-11-16T00:00:00Z"), until: at("2026-11-23T00:00:00Z") });
    }

    #[test]
    fn what_views_keep_comes_back() {
        let asked = Asked {
            parts: Filter { unread: Some(true), ..Filter::default() },
            closed: Range::Named { range: NamedRange::ThisWeek, zone: String::new() },
            ..Asked::default()
        };
        let kept: Asked = serde_json::from_value(serde_json::to_value(&asked).unwrap()).unwrap();
        assert_eq!((kept.parts.unread, kept.closed), (Some(true), asked.closed));
        // A part that a later release adds is left out by what an earlier one kept.
        assert!(serde_json::from_str::<Asked>("{}").is_ok());
    }
}
