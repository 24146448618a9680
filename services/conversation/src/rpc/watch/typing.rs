use std::sync::Arc;

use tandem_ambient::Ambient;
use tandem_proto::conversation::v1::TypingSignal;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::question::Thread;
use crate::domain::typing::Signal;
use crate::domain::viewer::Viewer;
use crate::rpc::convert;

/// The next time that somebody else types in one of the threads, and the thread's key. A stream that lags loses some.
///
/// Resolves for nothing else, so that a busy tenant disturbs no stream that shows other conversations.
pub(super) async fn next(
    signals: &mut Receiver<Arc<Signal>>,
    viewer: &Viewer,
    threads: &[Thread],
    ambient: &Ambient,
) -> (String, TypingSignal) {
    loop {
        let signal = match signals.recv().await {
            Ok(signal) => signal,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => std::future::pending().await,
        };
        let is_own = viewer.agent_id.is_some() && signal.author.id == viewer.agent_id;
        let is_seen = signal.tenant_id == viewer.tenant_id && viewer.scope.covers(signal.channel_id);
        if is_own || !is_seen || signal.expires_at <= ambient.now() {
            continue;
        }
        if let Some(thread) = threads.iter().find(|thread| thread.conversation_id == signal.conversation_id) {
            return (thread.key.clone(), convert::typing(&signal));
        }
    }
}
