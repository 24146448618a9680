//! When a team works.

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;

use crate::domain::model::{Hours, Team};

impl Team {
    /// Whether the team works at an instant; always without working hours.
    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        is_open(&self.working_hours, &self.time_zone, at)
    }
}

/// Whether an instant lies inside working hours of a time zone; always when there are none. By the wall clock: what a change
/// of the clocks skips is not worked, what it repeats is worked twice.
pub fn is_open(hours: &[Hours], time_zone: &str, at: DateTime<Utc>) -> bool {
    // A zone that the time zone database has dropped since counts as UTC: a name must not stop routing.
    let zone = time_zone.parse().unwrap_or(Tz::UTC);
    let local = at.with_timezone(&zone);
    let (weekday, minute) = (local.weekday().number_from_monday(), local.hour() * 60 + local.minute());
    let covers = |hours: &Hours| hours.weekday == weekday && (hours.opens..hours.closes).contains(&minute);
    hours.is_empty() || hours.iter().any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(hours: &[Hours], time_zone: &str, at: &str) -> bool {
        is_open(hours, time_zone, at.parse().unwrap())
    }

    #[test]
    fn without_hours_it_is_always_open() {
        assert!(open(&[], "", "2026-03-01T03:00:00Z"));
        assert!(open(&[], "Europe/Berlin", "2026-12-25T23:59:59Z"));
    }

    #[test]
    fn hours_are_those_of_the_teams_wall_clock() {
        // Monday nine to one and two to five.
        let hours =
            [(540, 780), (840, 1_020)].map(|(opens, closes)| Hours { weekday: 1, opens, closes }).to_vec();
        for (at, expected) in [
            ("2026-03-02T07:59:59Z", false),
            ("2026-03-02T08:00:00Z", true),
            ("2026-03-02T11:59:59Z", true),
            ("2026-03-02T12:00:00Z", false),
            ("2026-03-02T13:00:00Z", true),
            ("2026-03-02T16:00:00Z", false),
            ("2026-03-03T09:00:00Z", false),
            // In summer an hour earlier.
            ("2026-06-01T07:00:00Z", true),
            ("2026-06-01T15:00:00Z", false),
        ] {
            assert_eq!(open(&hours, "Europe/Berlin", at), expected, "{at}");
        }
        assert!(
            open(&hours, "", "2026-03-02T09:00:00Z") && open(&hours, "Gone/Away", "2026-03-02T09:00:00Z")
        );
    }

    #[test]
    fn a_day_ends_with_its_last_minute_and_belongs_to_its_weekday_there() {
        let sunday = [Hours { weekday: 7, opens: 0, closes: 1_440 }];
        assert!(open(&sunday, "Pacific/Auckland", "2026-03-07T11:00:00Z"), "Sunday has begun there");
        assert!(!open(&sunday, "Pacific/Auckland", "2026-03-07T10:59:59Z"));
        assert!(
            open(&sunday, "UTC", "2026-03-08T23:59:59Z") && !open(&sunday, "UTC", "2026-03-09T00:00:00Z")
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_worked_twice() {
        // On 25 October 2026 the hour from 2:00 comes twice in Berlin.
        let hours = [Hours { weekday: 7, opens: 120, closes: 180 }];
        let at = |minute: &str| open(&hours, "Europe/Berlin", &format!("2026-10-25T{minute}:00Z"));
        assert!(at("00:30") && at("01:30") && !at("02:00"));
    }
}
