//! Time inside opening hours.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Utc};

use super::Goals;

/// Days that are walked: with the least opening hours that there are, one minute a week, a target ends the walk here.
const MOST_DAYS: i64 = 1_100;

impl Goals {
    /// The instant at which so much of the opening hours has passed.
    pub(super) fn after(&self, since: DateTime<Utc>, time: TimeDelta) -> DateTime<Utc> {
        if self.hours.is_empty() {
            return since + time;
        }
        let (mut left, mut reached) = (time, since);
        for day in 0..MOST_DAYS {
            for (opens, closes) in self.open_on(self.date(since) + TimeDelta::days(day)) {
                let from = opens.max(since);
                if closes <= from {
                    continue;
                }
                if closes - from >= left {
                    return from + left;
                }
                left -= closes - from;
                reached = closes;
            }
        }
        reached
    }

    /// The end of the business day that an instant is in, or of the next one.
    pub(super) fn end_of_day(&self, since: DateTime<Utc>) -> DateTime<Utc> {
        let today = self.date(since);
        let last = |day| {
            let closes = self.open_on(today + TimeDelta::days(day)).last().map(|(_, closes)| *closes);
            closes.filter(|closes| *closes > since)
        };
        (0..MOST_DAYS).find_map(last).unwrap_or(since)
    }

    fn date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// The opening hours of a date, in their order; the whole day where the business always works.
    fn open_on(&self, date: NaiveDate) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let weekday = date.weekday().number_from_monday();
        let whole_day = [super::Hours { weekday, opens: 0, closes: 1_440 }];
        let hours = if self.hours.is_empty() { &whole_day[..] } else { &self.hours };
        hours
            .iter()
            .filter(|hours| hours.weekday == weekday)
            .filter_map(|hours| Some((self.instant(date, hours.opens)?, self.instant(date, hours.closes)?)))
            .collect()
    }

    /// A wall clock's time. One that a change of the clocks skips is the first instant after the gap.
    fn instant(&self, date: NaiveDate, minutes: u32) -> Option<DateTime<Utc>> {
        let wall = date.and_hms_opt(0, 0, 0)? + TimeDelta::minutes(minutes.into());
        let local = (0..=96).find_map(|quarters| {
            self.zone.from_local_datetime(&(wall + TimeDelta::minutes(15 * quarters))).earliest()
        });
        local.map(|local| local.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::{Following, Hours, Target};
    use super::*;
    use crate::domain::kinds::Priority;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Sunday to Thursday, nine to one and two to five.
    fn shop() -> Goals {
        let days = [1, 2, 3, 4, 7];
        let hours = days
            .into_iter()
            .flat_map(|weekday| {
                [(540, 780), (840, 1_020)].map(|(opens, closes)| Hours { weekday, opens, closes })
            })
            .collect();
        Goals { hours, zone: Tz::Asia__Jerusalem, ..Goals::default() }
    }

    #[test]
    fn without_opening_hours_time_simply_passes() {
        let goals = Goals::default();
        let since = at("2026-03-01T23:30:00Z");
        assert_eq!(goals.due(since, Priority::Urgent, true), Some(at("2026-03-01T23:45:00Z")));
        assert_eq!(goals.due(since, Priority::Low, true), Some(at("2026-03-02T01:30:00Z")));
        assert_eq!(goals.due(since, Priority::Low, false), Some(at("2026-03-02T00:00:00Z")));
    }

    #[test]
    fn only_opening_hours_count() {
        let goals = shop();
        // Monday 12:00 in Jerusalem: an hour before the break, an hour after it.
        assert_eq!(
            goals.due(at("2026-03-02T10:00:00Z"), Priority::Normal, true),
            Some(at("2026-03-02T13:00:00Z"))
        );
        // Thursday evening: from Sunday morning on.
        assert_eq!(
            goals.due(at("2026-03-05T18:00:00Z"), Priority::Normal, true),
            Some(at("2026-03-08T09:00:00Z"))
        );
        // At 16:50: ten minutes are left, five go on the next morning.
        assert_eq!(
            goals.due(at("2026-03-02T14:50:00Z"), Priority::Urgent, true),
            Some(at("2026-03-03T07:05:00Z"))
        );
        // Exactly the rest of the day.
        assert_eq!(
            goals.due(at("2026-03-02T13:00:00Z"), Priority::Normal, true),
            Some(at("2026-03-02T15:00:00Z"))
        );
    }

    #[test]
    fn a_business_day_ends_with_its_last_opening_hour() {
        let goals = shop();
        let due = |since| goals.due(at(since), Priority::Normal, false);
        assert_eq!(due("2026-03-02T05:00:00Z"), Some(at("2026-03-02T15:00:00Z")));
        assert_eq!(due("2026-03-02T11:30:00Z"), Some(at("2026-03-02T15:00:00Z")), "in the break");
        assert_eq!(due("2026-03-02T15:00:00Z"), Some(at("2026-03-03T15:00:00Z")), "just over");
        assert_eq!(due("2026-03-05T16:00:00Z"), Some(at("2026-03-08T15:00:00Z")), "over the weekend");
    }

    #[test]
    fn clocks_go_forward_inside_a_target() {
        // On Friday 27 March 2026, 02:00 becomes 03:00 in Jerusalem.
        let hours = vec![Hours { weekday: 5, opens: 0, closes: 1_440 }];
        let night = Target { first: Some(4 * 3_600), following: Following::Never };
        let goals = Goals { hours, targets: [night; 4], ..shop() };
        assert_eq!(
            goals.due(at("2026-03-26T12:00:00Z"), Priority::Low, true),
            Some(at("2026-03-27T02:00:00Z"))
        );
        assert_eq!(goals.due(at("2026-03-26T12:00:00Z"), Priority::Low, false), None);
        let hours = vec![Hours { weekday: 5, opens: 150, closes: 240 }];
        let goals = Goals { hours, ..goals };
        assert_eq!(goals.end_of_day(at("2026-03-26T12:00:00Z")), at("2026-03-27T01:00:00Z"));
        assert_eq!(
            goals.after(at("2026-03-26T12:00:00Z"), TimeDelta::minutes(1)),
            at("2026-03-27T00:01:00Z")
        );
    }

    #[test]
    fn the_walk_ends() {
        let goals = Goals { hours: vec![Hours { weekday: 1, opens: 0, closes: 1 }], ..Goals::default() };
        let due = goals.after(at("2026-03-01T00:00:00Z"), TimeDelta::days(30));
        assert!(due > at("2029-01-01T00:00:00Z") && due < at("2029-04-01T00:00:00Z"), "{due}");
    }
}
