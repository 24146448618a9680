//! The conversation service as this one asks it: on behalf of a tenant, under this service's own token.

mod convert;

use std::time::Duration;

use prost::Message;
use tandem_bootstrap::{InternalChannel, OnBehalfOf};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::transfer_service_client::TransferServiceClient;
use tandem_proto::conversation::v1::{
    GetChannelRequest, GetConversationRequest, ResolveTransferRequest, TransferHolderRequest,
    TransferHolderResponse,
};
use tonic::{Code, Request, Status};
use uuid::Uuid;

pub use convert::{encode, without_words};

/// Longest that a question without a caller's deadline may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks the conversation service. Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    channel: InternalChannel,
    max_message_bytes: usize,
}

/// A transfer that conversation has committed.
#[derive(Debug)]
pub struct Landed {
    /// Its first answer, encoded.
    pub answer: Vec<u8>,
    /// The epoch that it began.
    pub epoch: i64,
}

/// A definitive refusal: conversation's status as it came, with its reason and metadata.
#[derive(Debug)]
pub struct Refused(Status);

/// Why a transfer has no answer.
#[derive(Debug)]
pub enum Failed {
    Refused(Refused),
    /// It may land, or have landed.
    Unknown(Fault),
}

impl Refused {
    /// Whether the request id will never be carried out: it was resolved before the call came.
    pub fn is_for_good(&self) -> bool {
        self.reason() == Reason::TransferRefused.as_str()
    }

    /// The reason that conversation gives; empty for none.
    pub fn reason(&self) -> String {
        reason_of(&self.0).unwrap_or_default()
    }

    /// Whether the epoch that the decision was made on is over.
    pub fn is_over(&self) -> bool {
        reason_of(&self.0).as_deref() == Some(Reason::HeldByOther.as_str())
    }

    /// Whether the conversation was not any more what the decision was made on: taken, snoozed, closed or gone.
    pub fn is_stale(&self) -> bool {
        let stale =
            [Reason::HeldByOther, Reason::HolderChanged, Reason::ConversationClosed, Reason::NotFound];
        reason_of(&self.0).is_some_and(|reason| stale.iter().any(|stale| stale.as_str() == reason))
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

impl Conversations {
    pub fn new(channel: InternalChannel, max_message_bytes: usize) -> Self {
        Self { channel, max_message_bytes }
    }

    /// Asks for a change of holder that [`encode`] wrote.
    pub async fn transfer(
        &self,
        tenant_id: Uuid,
        encoded: &[u8],
        expected_epoch: i64,
    ) -> Result<Landed, Failed> {
        let decoded = TransferHolderRequest::decode(encoded);
        let message = decoded.map_err(|error| Failed::Unknown(Fault::internal(error)))?;
        let request = on_behalf_of(tenant_id, TransferHolderRequest { expected_epoch, ..message });
        match self.transfers().transfer_holder(request).await {
            Ok(answer) => Ok(landed(&answer.into_inner())),
            Err(status) => Err(failed(status)),
        }
    }

    /// What became of a transfer; `None` when it is refused for good.
    pub async fn resolve(&self, tenant_id: Uuid, request_id: Uuid) -> Result<Option<Landed>, Fault> {
        let request = on_behalf_of(tenant_id, ResolveTransferRequest { request_id: request_id.to_string() });
        let resolved = self.transfers().resolve_transfer(request).await.map_err(away)?.into_inner();
        Ok(resolved.answer.map(|answer| landed(&answer)))
    }

    /// The channel of a conversation; `None` when the tenant has none of this id.
    pub async fn channel_of(&self, tenant_id: Uuid, id: Uuid) -> Result<Option<Uuid>, Fault> {
        let message =
            GetConversationRequest { conversation_id: id.to_string(), ..GetConversationRequest::default() };
        let mut client = ConversationServiceClient::new(self.channel.clone());
        match client.get_conversation(on_behalf_of(tenant_id, message)).await {
            Ok(found) => {
                let conversation = found.into_inner().row.and_then(|row| row.conversation);
                let channel_id = conversation.and_then(|conversation| conversation.channel_id.parse().ok());
                channel_id
                    .map(Some)
                    .ok_or_else(|| Fault::internal("conversation answered without a conversation"))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(away(status)),
        }
    }

    /// The default team of a channel, if it has one.
    pub async fn default_team(&self, tenant_id: Uuid, channel_id: Uuid) -> Result<Option<Uuid>, Fault> {
        let message = GetChannelRequest { channel_id: channel_id.to_string() };
        let mut client = ChannelServiceClient::new(self.channel.clone());
        match client.get_channel(on_behalf_of(tenant_id, message)).await {
            Ok(found) => Ok(found
                .into_inner()
                .channel
                .and_then(|channel| channel.policy)
                .and_then(|policy| policy.default_team_id.parse().ok())),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(away(status)),
        }
    }

    fn transfers(&self) -> TransferServiceClient<InternalChannel> {
        TransferServiceClient::new(self.channel.clone()).max_decoding_message_size(self.max_message_bytes)
    }
}

fn on_behalf_of<T>(tenant_id: Uuid, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(LIMIT);
    request.extensions_mut().insert(OnBehalfOf(tenant_id));
    request
}

fn landed(answer: &TransferHolderResponse) -> Landed {
    use tandem_proto::conversation::v1::timeline_entry::Event;
    let begun = answer.entry.as_ref().and_then(|entry| match &entry.event {
        Some(Event::HolderChanged(changed)) => Some(changed.epoch),
        _ => None,
    });
    // A transfer to who holds it already may change nothing and begin no epoch.
    let current = answer.conversation.as_ref().map(|conversation| conversation.epoch);
    Landed { answer: answer.encode_to_vec(), epoch: begun.or(current).unwrap_or_default() }
}

fn failed(status: Status) -> Failed {
    let in_progress = reason_of(&status).as_deref() == Some(Reason::RequestInProgress.as_str());
    match status.code() {
        Code::Aborted if in_progress => {
            Failed::Unknown(Fault::new(Reason::RequestInProgress, "the same request is being carried out"))
        }
        Code::Aborted
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::InvalidArgument
        | Code::ResourceExhausted => Failed::Refused(Refused(status)),
        _ => Failed::Unknown(away(status)),
    }
}

/// An answer that says nothing about the question. That our own token is refused is a fault of ours, not of the caller.
fn away(status: Status) -> Fault {
    match status.code() {
        Code::DeadlineExceeded => Fault::new(Reason::DeadlineExceeded, "the deadline has passed"),
        _ => Fault::unavailable(status),
    }
}
