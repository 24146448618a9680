use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::source::SourceMessage;

/// When the next message is due.
#[derive(Debug)]
pub struct Pacing {
    pace: Option<f64>,
    start: Instant,
}

impl Pacing {
    /// `pace` is how many times faster than the source; `None` waits for nothing.
    pub fn new(pace: Option<f64>) -> Self {
        Self { pace, start: Instant::now() }
    }

    /// Waits until the source's offset has come.
    pub async fn wait(&self, offset_ms: u64) {
        if let Some(pace) = self.pace {
            sleep_until(self.start + scaled(offset_ms, pace)).await;
        }
    }

    /// What an earlier run did is not waited for again: the clock goes on from its last message.
    pub fn passed(&mut self, replayed: bool, messages: &[SourceMessage]) {
        let (Some(pace), true, Some(last)) = (self.pace, replayed, messages.last()) else { return };
        if let Some(start) = Instant::now().checked_sub(scaled(last.at_offset_ms, pace)) {
            self.start = self.start.min(start);
        }
    }
}

fn scaled(offset_ms: u64, pace: f64) -> Duration {
    Duration::from_millis(offset_ms).div_f64(pace)
}

#[cfg(test)]
mod tests {
    use super::super::source::Author;
    use super::*;

    fn message(at_offset_ms: u64) -> SourceMessage {
        SourceMessage { id: String::new(), at_offset_ms, from: Author::Customer, text: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn offsets_are_waited_for_at_the_pace() {
        let begun = Instant::now();
        let mut pacing = Pacing::new(Some(10.0));
        pacing.wait(20_000).await;
        assert_eq!(begun.elapsed().as_secs(), 2);
        pacing.passed(false, &[message(90_000)]);
        pacing.wait(20_000).await;
        assert_eq!(begun.elapsed().as_secs(), 2);
        Pacing::new(None).wait(u64::MAX).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_run_did_is_skipped() {
        tokio::time::advance(Duration::from_secs(1000)).await;
        let begun = Instant::now();
        let mut pacing = Pacing::new(Some(1.0));
        pacing.passed(true, &[message(60_000)]);
        pacing.wait(60_000).await;
        assert_eq!(begun.elapsed().as_secs(), 0);
        pacing.wait(63_000).await;
        assert_eq!(begun.elapsed().as_secs(), 3);
    }
}
