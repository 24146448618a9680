//! Who types, between adapters and agents.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tandem_access::Caller;
use tandem_fault::{Fault, Reason, Violations};
use tandem_proto::conversation::v1 as proto;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;

use super::{Rpc, convert, ingest, parse};
use crate::domain::Domain;
use crate::domain::kinds::ActorKind;
use crate::domain::typing::Signal;
use crate::domain::viewer::Viewer;

/// Between looks at whether the token has expired.
const CLOCK: Duration = Duration::from_millis(500);
/// Responses that wait for a slow adapter, before signals are lost for it.
const BUFFER: usize = 16;

pub(super) type TypingStream = Pin<Box<dyn Stream<Item = Result<proto::WatchTypingResponse, Status>> + Send>>;

impl Rpc {
    pub(super) async fn typing(
        &self,
        viewer: Viewer,
        request: proto::SignalTypingRequest,
    ) -> Result<proto::SignalTypingResponse, Status> {
        let mut v = Violations::new();
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        v.finish()?;
        self.domain.signal_typing(&viewer, id, request.typing, request.private).await?;
        Ok(proto::SignalTypingResponse {})
    }

    pub(super) async fn customer_typing(
        &self,
        viewer: Viewer,
        request: proto::IngestTypingRequest,
    ) -> Result<proto::IngestTypingResponse, Status> {
        let mut v = Violations::new();
        let channel_id = parse::id(&mut v, "channel_id", &request.channel_id);
        let identities = ingest::identities(&mut v, "identities", request.identities);
        let is_known = identities.iter().any(|identity| identity.verified);
        v.check(is_known, "identities", "must have a verified identity");
        v.finish()?;
        self.domain.customer_typing(&viewer, channel_id, identities, request.typing).await?;
        Ok(proto::IngestTypingResponse {})
    }

    pub(super) async fn typing_stream(
        &self,
        caller: Caller,
        viewer: Viewer,
        request: proto::WatchTypingRequest,
    ) -> Result<TypingStream, Status> {
        let mut v = Violations::new();
        let channel_id = parse::id(&mut v, "channel_id", &request.channel_id);
        v.finish()?;
        let signals = self.domain.typing.subscribe(viewer.tenant_id);
        self.domain.own_channel(&viewer, channel_id).await?;
        let (sender, receiver) = mpsc::channel(BUFFER);
        let open = Open { domain: self.domain.clone(), caller, channel_id };
        tokio::spawn(open.run(signals, sender));
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }
}

/// One adapter's open stream.
struct Open {
    domain: Domain,
    caller: Caller,
    channel_id: Uuid,
}

impl Open {
    async fn run(
        self,
        signals: broadcast::Receiver<Arc<Signal>>,
        sender: mpsc::Sender<Result<proto::WatchTypingResponse, Status>>,
    ) {
        let ended = tokio::select! {
            () = self.domain.stop.cancelled() => tandem_bootstrap::shutting_down(),
            () = sender.closed() => return,
            () = self.expired() => Fault::new(Reason::TokenExpired, "the token has expired").into(),
            ended = self.pass_on(signals, &sender) => ended.into(),
        };
        let _ = sender.send(Err(ended)).await;
    }

    async fn expired(&self) {
        let mut clock = tokio::time::interval(CLOCK);
        while self.domain.ambient.now().timestamp() < self.caller.expires {
            clock.tick().await;
        }
    }

    async fn pass_on(
        &self,
        mut signals: broadcast::Receiver<Arc<Signal>>,
        sender: &mpsc::Sender<Result<proto::WatchTypingResponse, Status>>,
    ) -> Fault {
        loop {
            let signal = match signals.recv().await {
                Ok(signal) => signal,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return Fault::new(Reason::ShuttingDown, "the process is draining"),
            };
            let is_of_business = matches!(signal.author.kind, ActorKind::Agent | ActorKind::Ai);
            let is_here = signal.channel_id == self.channel_id && !signal.private && is_of_business;
            if !is_here || signal.expires_at <= self.domain.ambient.now() {
                continue;
            }
            let recipient = match self.domain.typing_recipient(&signal).await {
                Ok(Some(recipient)) => recipient,
                Ok(None) => continue,
                Err(error) => return error.into(),
            };
            let response = proto::WatchTypingResponse {
                signal: Some(convert::typing(&signal)),
                recipient: recipient.identities.iter().map(convert::identity).collect(),
                last_external_id: recipient.last_external_id,
            };
            let _ = sender.send(Ok(response)).await;
        }
    }
}
