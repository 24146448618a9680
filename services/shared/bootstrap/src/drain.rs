//! The way out: a signal, a notice, the end of accepting, a hard deadline.

use std::io;

use futures::stream::{self, Stream, StreamExt};
use tandem_fault::{Fault, Reason};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The end of a process, in two steps. Cheap to clone; clones share it.
///
/// 1. [`Drain::signalled`]: SIGTERM or SIGINT came. Readiness falls; calls are still taken, since load
///    balancers notice late. Background work stops here.
/// 2. [`Drain::token`]: the notice (`drain_notice_ms`) is over. The server stops accepting and sends
///    GOAWAY, and every stream ends itself; before it, a client would only come back to this process.
///
/// [`crate::Bound::serve`] makes the step from one to two.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    signalled: CancellationToken,
    token: CancellationToken,
}

impl Drain {
    /// Begins at the first SIGTERM or SIGINT. The second one exits the process at once.
    ///
    /// # Errors
    ///
    /// When the signals can't be watched.
    pub fn on_signal() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let drain = Self::default();
        let begun = drain.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            };
            let first = next().await;
            tracing::info!(signal = first, "draining");
            begun.begin();
            let second = next().await;
            tracing::warn!(signal = second, "exiting at once");
            std::process::exit(i32::from(crate::EXIT_FAILURE));
        });
        Ok(drain)
    }

    /// Begins when told: for tests, and for several services in one process.
    pub fn manual() -> Self {
        Self::default()
    }

    /// What a signal does.
    pub fn begin(&self) {
        self.signalled.cancel();
    }

    /// Fires at the signal: background work stops.
    pub fn signalled(&self) -> CancellationToken {
        self.signalled.clone()
    }

    /// Fires when the server stops accepting: streams end, by [`until_drain`].
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub(crate) fn stop_accepting(&self) {
        self.token.cancel();
    }
}

/// The status that a stream ends with when the process goes: UNAVAILABLE with when to come back.
pub fn shutting_down() -> Status {
    Fault::new(Reason::ShuttingDown, "this process is shutting down").into()
}

/// Ends `stream` when `token` fires, with `last` as its last item: give every stream of a service
/// this, or it holds the shutdown up until the hard deadline.
pub fn until_drain<S>(
    stream: S,
    token: CancellationToken,
    last: Option<S::Item>,
) -> impl Stream<Item = S::Item>
where
    S: Stream,
{
    let fired = token.clone();
    // Asked when the stream is over: was it the token that ended it?
    let last = stream::once(async move { last.filter(|_| fired.is_cancelled()) });
    stream.take_until(token.cancelled_owned()).chain(last.filter_map(std::future::ready))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_ends_with_its_last_item_when_the_token_fires() {
        let token = CancellationToken::new();
        let endless = stream::iter(1..3).chain(stream::pending());
        let mut stream = std::pin::pin!(until_drain(endless, token.clone(), Some(99)));
        assert_eq!((stream.next().await, stream.next().await), (Some(1), Some(2)));
        token.cancel();
        assert_eq!((stream.next().await, stream.next().await), (Some(99), None));
    }

    #[tokio::test]
    async fn a_busy_stream_ends_too_and_one_that_ends_by_itself_adds_nothing() {
        let token = CancellationToken::new();
        let own_end = until_drain(stream::iter([1]), token.clone(), Some(99));
        assert_eq!(own_end.collect::<Vec<_>>().await, [1]);
        token.cancel();
        let busy = until_drain(stream::repeat(1), token, None);
        assert_eq!(busy.collect::<Vec<_>>().await, Vec::<i32>::new());
    }

    #[tokio::test]
    async fn sigterm_begins_it() {
        let drain = Drain::on_signal().unwrap();
        let id = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        crate::testing::guarded(drain.signalled().cancelled()).await;
        assert!(!drain.token().is_cancelled(), "the notice comes first");
    }
}
