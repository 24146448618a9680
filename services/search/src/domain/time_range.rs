//! Ranges of time: absolute, or named and relative to now in a time zone.

use chrono::{DateTime, Datelike, Days, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A named range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Today,
    Yesterday,
    ThisWeek,
    Last7Days,
    Last30Days,
    LastNight,
}

/// From an instant on, up to another one that is excluded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

impl Named {
    /// The instants that it means at `now` in a time zone.
    pub fn at(self, now: DateTime<Utc>, zone: Tz) -> TimeRange {
        let today = now.with_timezone(&zone).date_naive();
        let day = |back: u64| today.checked_sub_days(Days::new(back)).unwrap_or(today);
        let midnight = |back: u64| instant(zone, day(back).and_time(NaiveTime::MIN));
        let hour = |back: u64, hour| instant(zone, day(back).and_hms_opt(hour, 0, 0).unwrap_or_default());
        let since = |from| TimeRange { from: Some(from), until: None };
        match self {
            Self::Today => since(midnight(0)),
            Self::Yesterday => TimeRange { from: Some(midnight(1)), until: Some(midnight(0)) },
            Self::ThisWeek => since(midnight(u64::from(today.weekday().num_days_from_monday()))),
            Self::Last7Days => since(now - TimeDelta::days(7)),
            Self::Last30Days => since(now - TimeDelta::days(30)),
            Self::LastNight => TimeRange { from: Some(hour(1, 18)), until: Some(hour(0, 8)) },
        }
    }
}

/// A local time as an instant: the earlier one of two, and the end of the gap where clocks were put forward over it.
fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let mut at = local;
    // No gap is longer than a day (Samoa skipped one).
    for _ in 0..=24 * 4 {
        if let Some(found) = zone.from_local_datetime(&at).earliest() {
            return found.with_timezone(&Utc);
        }
        at += TimeDelta::minutes(15);
    }
    local.and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn range(named: Named, now: &str, zone: Tz) -> (String, String) {
        let range = named.at(at(now), zone);
        let show = |time: Option<DateTime<Utc>>| {
            time.map_or(String::new(), |time| time.format("%d %H:%M").to_string())
        };
        (show(range.from), show(range.until))
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let zone = Tz::Asia__Jerusalem;
        let of = |named| range(named, "2026-11-22T23:30:00Z", zone); // Monday, 01:30 there
        assert_eq!(of(Named::Today), ("22 22:00".into(), String::new()));
        assert_eq!(of(Named::Yesterday), ("21 22:00".into(), "22 22:00".into()));
        assert_eq!(of(Named::ThisWeek), ("22 22:00".into(), String::new()));
        assert_eq!(of(Named::LastNight), ("22 16:00".into(), "23 06:00".into()));
        assert_eq!(of(Named::Last7Days), ("15 23:30".into(), String::new()));
    }

    #[test]
    fn a_midnight_that_does_not_exist_is_the_first_instant_of_the_day() {
        // Clocks in São Paulo went from 00:00 to 01:00 on 4 November 2018.
        let range = Named::Today.at(at("2018-11-04T15:00:00Z"), Tz::America__Sao_Paulo);
        assert_eq!(range.from, Some(at("2018-11-04T03:00:00Z")));
    }
}
