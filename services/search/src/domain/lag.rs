use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// How far an index is behind its feed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lag {
    /// Changes committed and not yet found.
    pub changes: i64,
    /// The age in seconds of the oldest of them, since this process heard of it; 0 when there is none.
    pub seconds: f64,
}

/// When this process heard of which head of a feed.
#[derive(Debug, Default)]
pub struct Heads(Mutex<VecDeque<(i64, DateTime<Utc>)>>);

/// Heads that are remembered; beyond it the oldest are thinned out and ages become a little too small.
const KEPT: usize = 4096;

impl Heads {
    /// Notes a head. One that is not beyond the last one tells nothing new; a much lower one is another history.
    pub fn note(&self, head: i64, now: DateTime<Utc>, restarted: bool) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if restarted {
            heads.clear();
        }
        if heads.back().is_none_or(|last| head > last.0) {
            heads.push_back((head, now));
            if heads.len() > KEPT {
                heads.pop_front();
            }
        }
    }

    /// How far something that has applied up to `applied` is behind.
    pub fn lag(&self, applied: i64, now: DateTime<Utc>) -> Lag {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Keep the last one: it is the head.
        while heads.len() > 1 && heads.front().is_some_and(|head| head.0 <= applied) {
            heads.pop_front();
        }
        let changes = heads.back().map_or(0, |head| (head.0 - applied).max(0));
        let oldest = heads.iter().find(|head| head.0 > applied);
        let millis = oldest.map_or(0, |head| (now - head.1).num_milliseconds().max(0));
        #[expect(clippy::cast_precision_loss, reason = "a lag of 285,000 years is exact to the millisecond")]
        let seconds = millis as f64 / 1000.0;
        Lag { changes, seconds }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_oldest_change_that_is_not_applied_gives_the_age() {
        let heads = Heads::default();
        let start = DateTime::<Utc>::default();
        let at = |seconds| start + TimeDelta::seconds(seconds);
        assert_eq!(heads.lag(0, at(0)), Lag::default());
        heads.note(10, at(1), false);
        heads.note(10, at(2), false);
        heads.note(30, at(3), false);
        assert_eq!(heads.lag(5, at(11)), Lag { changes: 25, seconds: 10.0 });
        assert_eq!(heads.lag(10, at(11)), Lag { changes: 20, seconds: 8.0 });
        assert_eq!(heads.lag(30, at(11)), Lag::default());
        assert_eq!(heads.lag(40, at(11)), Lag::default());
        heads.note(3, at(12), true);
        assert_eq!(heads.lag(1, at(13)), Lag { changes: 2, seconds: 1.0 });
    }
}
