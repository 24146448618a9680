//! Classes of how long something took: the first ends at a second, each ends 5 % later than the one before.

use std::sync::LazyLock;

use chrono::TimeDelta;

/// How many there are: the last begins after eight years and has no end.
const COUNT: usize = 400;

/// Where each ends, in milliseconds.
static ENDS: LazyLock<Vec<i64>> = LazyLock::new(|| {
    let ends = std::iter::successors(Some(1_000_i64), |end| Some(end + end / 20));
    ends.take(COUNT).collect()
});

/// The class of a time; none is below the first or above the last.
pub fn class_of(took: TimeDelta) -> i16 {
    let took = took.num_milliseconds();
    let class = ENDS.partition_point(|end| *end < took).min(COUNT - 1);
    i16::try_from(class).unwrap_or(i16::MAX)
}

/// Where a class ends: what stands for every time in it.
pub fn upper_end(class: i16) -> TimeDelta {
    let class = usize::try_from(class).unwrap_or_default().min(COUNT - 1);
    TimeDelta::milliseconds(ENDS[class])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_at_most_five_percent_below_the_end_of_its_class() {
        for millis in [0, 1, 999, 1_000, 1_001, 1_050, 1_051, 60_000, 3_600_000, 86_400_000, 31_536_000_000] {
            let end = upper_end(class_of(TimeDelta::milliseconds(millis))).num_milliseconds();
            assert!(end >= millis, "{millis}");
            assert!(end == 1_000 || end * 100 <= millis * 105, "{millis} in {end}");
        }
        assert_eq!(class_of(TimeDelta::seconds(-5)), 0);
        assert_eq!(class_of(TimeDelta::MAX), 399);
        assert!(upper_end(399) > TimeDelta::days(8 * 365));
        assert_eq!((upper_end(1), upper_end(-1)), (TimeDelta::milliseconds(1_050), TimeDelta::seconds(1)));
    }
}
