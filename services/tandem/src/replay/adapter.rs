use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tandem_proto::conversation::v1::acknowledge_outbound_request::Outcome;
use tandem_proto::conversation::v1::{
    AcknowledgeOutboundRequest, BeginSendRequest, OutboundItem, OutboundSent, PullOutboundRequest,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::call::describe;
use crate::gateway::{Caller, request, retried};

/// The most that one pull may give.
const MAX_ITEMS: i32 = 100;
/// A lease is as short as a busy machine allows: what a killed replay held is offered again when it runs out.
const LEASE_S: i32 = 15;
/// How long a pull waits for a reply, in seconds.
const WAIT_S: i64 = 5;
/// The shortest time from one pull to the next that was empty, should the service not wait.
const PAUSE: Duration = Duration::from_millis(20);
/// How many replies of one channel are in hand at once.
const AT_ONCE: usize = 32;

/// The replay as the channels' adapter: carries every reply out, to nowhere, and tells who waits for it.
#[derive(Debug)]
pub struct Adapter {
    pub deliveries: Arc<Deliveries>,
    stop: CancellationToken,
    pullers: JoinSet<()>,
}

/// Which replies have left.
#[derive(Debug, Default)]
pub struct Deliveries {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Left before anybody asked.
    left: HashSet<String>,
    waiting: HashMap<String, oneshot::Sender<()>>,
    /// Being sent by this adapter.
    in_hand: HashSet<String>,
    /// Why no more replies will leave.
    broken: Option<String>,
}

impl Adapter {
    pub fn start(adapter: &Caller, channels: &[&str]) -> Self {
        let (deliveries, stop) = (Arc::new(Deliveries::default()), CancellationToken::new());
        let mut pullers = JoinSet::new();
        for channel in channels {
            let pulling = pull(adapter.clone(), (*channel).to_owned(), deliveries.clone());
            let stopped = stop.clone();
            pullers.spawn(async move {
                stopped.run_until_cancelled(pulling).await;
            });
        }
        Self { deliveries, stop, pullers }
    }

    /// Ends the pulling; what was begun is cut off, so all replies must have left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.pullers.join_next().await.is_some() {}
    }
}

impl Deliveries {
    /// Waits until this adapter has carried a reply out, or can't carry any more.
    pub async fn left(&self, message_id: &str) {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            if state.left.remove(message_id) || state.broken.is_some() {
                return;
            }
            state.waiting.insert(message_id.to_owned(), sender);
        }
        // The sender goes when it is replaced, or when all are woken.
        let _ = receiver.await;
    }

    /// Whether this adapter is sending it right now.
    pub fn is_in_hand(&self, message_id: &str) -> bool {
        self.state().in_hand.contains(message_id)
    }

    /// Why no more replies leave.
    pub fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    fn done(&self, message_id: &str) {
        let mut state = self.state();
        state.in_hand.remove(message_id);
        match state.waiting.remove(message_id) {
            Some(waiting) => drop(waiting.send(())),
            None => drop(state.left.insert(message_id.to_owned())),
        }
    }

    fn fail(&self, status: &Status) {
        let mut state = self.state();
        state.broken = Some(describe(status));
        state.waiting.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pull(adapter: Caller, channel_id: String, deliveries: Arc<Deliveries>) {
    let hands = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    loop {
        let begun = Instant::now();
        let pull = PullOutboundRequest {
            channel_id: channel_id.clone(),
            max_items: MAX_ITEMS,
            lease_seconds: LEASE_S,
            wait: Some(prost_types::Duration { seconds: WAIT_S, nanos: 0 }),
        };
        let call = || async { adapter.outbound().pull_outbound(request(pull.clone())).await };
        let items = match retried(call).await {
            Ok(answer) => answer.items,
            Err(status) => return deliveries.fail(&status),
        };
        if items.is_empty() {
            sleep_until(begun + PAUSE).await;
        }
        for item in items {
            let Ok(hand) = hands.clone().acquire_owned().await else { return };
            let (adapter, deliveries) = (adapter.clone(), deliveries.clone());
            sending.spawn(async move {
                send(&adapter, item, &deliveries).await;
                drop(hand);
            });
        }
        while sending.try_join_next().is_some() {}
    }
}

/// Carries one reply out. One that may not be sent any more is left alone: whoever waits looks what became of it.
async fn send(adapter: &Caller, item: OutboundItem, deliveries: &Deliveries) {
    let (lease_id, message_id) = (item.lease_id, item.message.unwrap_or_default().id);
    deliveries.state().in_hand.insert(message_id.clone());
    let begin = BeginSendRequest { message_id: message_id.clone(), lease_id: lease_id.clone() };
    let call = || async { adapter.outbound().begin_send(request(begin.clone())).await };
    let begun = retried(call).await;
    let sent = OutboundSent { provider_id: format!("replay:{message_id}") };
    let acknowledge = AcknowledgeOutboundRequest {
        message_id: message_id.clone(),
        lease_id,
        outcome: Some(Outcome::Sent(sent)),
    };
    let call = || async { adapter.outbound().acknowledge_outbound(request(acknowledge.clone())).await };
    let outcome = match begun {
        Ok(_) => retried(call).await.map(drop),
        Err(status) => Err(status),
    };
    match outcome {
        Ok(()) => deliveries.done(&message_id),
        Err(status) => {
            deliveries.state().in_hand.remove(&message_id);
            tracing::debug!(message_id, error = describe(&status), "a reply was not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_reply_that_left_before_anybody_waits_is_remembered_once() {
        let deliveries = Deliveries::default();
        deliveries.done("early");
        deliveries.left("early").await;
        assert!(deliveries.left("early").now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_reply_or_by_the_end() {
        let deliveries = Arc::new(Deliveries::default());
        let mut waiting = Box::pin(deliveries.left("one"));
        assert!(waiting.as_mut().now_or_never().is_none());
        deliveries.done("one");
        waiting.await;
        let mut waiting = Box::pin(deliveries.left("two"));
        assert!(waiting.as_mut().now_or_never().is_none());
        deliveries.fail(&Status::permission_denied("no"));
        waiting.await;
        deliveries.left("three").await;
        assert_eq!(deliveries.broken().as_deref(), Some("PERMISSION_DENIED: no"));
    }
}
