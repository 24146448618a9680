use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// The longest that a test waits for anything: far above what it takes on a busy machine, and no test asserts it.
const MOST: Duration = Duration::from_secs(180);
/// Between two questions.
const EVERY: Duration = Duration::from_millis(5);

/// Asks until there is an answer: for conditions that no stream and no change token tells of, such as what another
/// process has written.
///
/// # Panics
/// When there is none within three minutes.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let answered = timeout(MOST, async {
        loop {
            ticks.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    });
    answered.await.unwrap_or_else(|_| panic!("waited for three minutes in vain: {what}"))
}
