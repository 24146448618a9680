//! The pieces of requests and answers that a replay is made of.

use std::time::Duration;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    DeliveryState, IngestItem, IngestMessage, IngestMessagesRequest, IngestReceipt, ListMessagesRequest,
    Message, MessageContent, TextContent, ingest_item,
};
use tandem_proto::r#type::v1::{Identity, IdentityKind};
use tokio::time::{Instant, timeout};
use tonic::Status;

use super::adapter::Deliveries;
use super::refusal::Refusal;
use super::source::{SourceChannel, SourceConversation, SourceMessage};
use super::stage::Stage;
use crate::gateway::{Caller, request, retried};

/// The longest name of a label or tag, in characters.
const MAX_LABEL: usize = 64;
/// How long a reply may take to leave before its state is looked at.
const LOOK_AFTER: Duration = Duration::from_secs(3);
/// How long a reply may take to leave at all.
const GIVE_UP_AFTER: Duration = Duration::from_secs(180);
const PAGE: i32 = 500;

/// A customer's message on its way in. Its source time is the time of sending: the replay is traffic of now.
pub fn item(source: &SourceConversation, message: &SourceMessage, now: Timestamp) -> IngestItem {
    let content = IngestMessage { content: Some(content(&message.text)), ..IngestMessage::default() };
    IngestItem {
        external_id: message.id.clone(),
        identities: identities(source),
        display_name: source.customer.name.clone().unwrap_or_default(),
        source_time: Some(now),
        receive_time: None,
        event: Some(ingest_item::Event::Message(content)),
    }
}

/// Who the customer is on the channel: verified by the business's own user id, or else by the channel's id of whoever
/// wrote this conversation. A phone number is verified on WhatsApp only, and only in full.
pub fn identities(source: &SourceConversation) -> Vec<Identity> {
    let identity = |kind: IdentityKind, value: &str, verified| Identity {
        kind: kind.into(),
        value: value.to_owned(),
        verified,
    };
    let customer = &source.customer;
    let strongest = match (&customer.external_id, source.channel) {
        (Some(id), _) => identity(IdentityKind::ExternalId, id, true),
        (None, SourceChannel::Whatsapp) => {
            identity(IdentityKind::WhatsappUserId, &source.conversation_id, true)
        }
        (None, SourceChannel::Webchat) => identity(IdentityKind::VisitorId, &source.conversation_id, true),
    };
    let mut identities = vec![strongest];
    identities.extend(customer.phone.as_ref().map(|phone| {
        let vouched = phone.starts_with('+') && source.channel == SourceChannel::Whatsapp;
        identity(IdentityKind::Phone, phone, vouched)
    }));
    identities.extend(customer.email.as_ref().map(|email| identity(IdentityKind::Email, email, false)));
    identities
}

pub fn contents(messages: &[SourceMessage]) -> Vec<MessageContent> {
    messages.iter().map(|message| content(&message.text)).collect()
}

fn content(text: &str) -> MessageContent {
    MessageContent { kind: Some(Kind::Text(TextContent { text: text.to_owned() })) }
}

/// A topic or tag as a label's name; longer ones are cut.
pub fn label(text: &str) -> Option<String> {
    let name: String = text.trim().chars().take(MAX_LABEL).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0);
    Timestamp { seconds: at.timestamp(), nanos }
}

/// All messages of a conversation in order.
pub async fn messages(reader: &Caller, conversation_id: &str) -> Result<Vec<Message>, Status> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let list = ListMessagesRequest {
            conversation_id: conversation_id.to_owned(),
            after_position: all.last().map_or(0, |message| message.position),
            page_size: PAGE,
            ..ListMessagesRequest::default()
        };
        let call = || async { reader.conversations().list_messages(request(list.clone())).await };
        let page = retried(call).await?;
        let more = page.more && !page.messages.is_empty();
        all.extend(page.messages);
        if !more {
            return Ok(all);
        }
    }
}

/// Nothing more will become of its sending.
pub fn is_settled(message: &Message) -> bool {
    !matches!(
        message.delivery(),
        DeliveryState::Queued | DeliveryState::Leased | DeliveryState::Sending | DeliveryState::Unknown
    )
}

/// Waits until a reply has left. One that another adapter began to send and did not finish, because it was killed, is
/// told as sent: this replay is the provider too, and knows.
pub async fn until_left(stage: &Stage, deliveries: &Deliveries, message: &Message) -> Result<(), Refusal> {
    let until = Instant::now() + GIVE_UP_AFTER;
    loop {
        if timeout(LOOK_AFTER, deliveries.left(&message.id)).await.is_ok() {
            return match deliveries.broken() {
                Some(problem) => Err(Refusal::new(format!("replies do not leave: {problem}"))),
                None => Ok(()),
            };
        }
        let now = look(stage, message).await.map_err(|status| Refusal::of("ListMessages", &status))?;
        if is_settled(&now) {
            return Ok(());
        }
        let begun = matches!(now.delivery(), DeliveryState::Sending | DeliveryState::Unknown);
        if begun && !deliveries.is_in_hand(&message.id) {
            receipt(stage, &now).await.map_err(|status| Refusal::of("IngestMessages (receipt)", &status))?;
        } else if Instant::now() >= until {
            return Err(Refusal::new(format!(
                "a reply did not leave, it is {}",
                now.delivery().as_str_name()
            )));
        }
    }
}

async fn look(stage: &Stage, message: &Message) -> Result<Message, Status> {
    let list = ListMessagesRequest {
        conversation_id: message.conversation_id.clone(),
        after_position: message.position - 1,
        page_size: 1,
        ..ListMessagesRequest::default()
    };
    let call = || async { stage.supervisor.conversations().list_messages(request(list.clone())).await };
    Ok(retried(call).await?.messages.into_iter().next().unwrap_or_default())
}

async fn receipt(stage: &Stage, message: &Message) -> Result<(), Status> {
    let receipt = IngestReceipt {
        message_id: message.id.clone(),
        state: DeliveryState::Sent.into(),
        ..IngestReceipt::default()
    };
    let item = IngestItem {
        external_id: format!("replay-receipt:{}", message.id),
        event: Some(ingest_item::Event::Receipt(receipt)),
        ..IngestItem::default()
    };
    let ingest = IngestMessagesRequest { channel_id: message.channel_id.clone(), items: vec![item] };
    let call = || async { stage.adapter.ingest().ingest_messages(request(ingest.clone())).await };
    retried(call).await.map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identities_of(channel: &str, customer: serde_json::Value) -> Vec<(IdentityKind, String, bool)> {
        let line =
            json!({ "conversation_id": "c-1", "channel": channel, "customer": customer, "messages": [] });
        let source: SourceConversation = serde_json::from_value(line).unwrap();
        identities(&source).into_iter().map(|one| (one.kind(), one.value, one.verified)).collect()
    }

    #[test]
    fn only_what_somebody_vouches_for_is_verified() {
        use IdentityKind::{Email, ExternalId, Phone, VisitorId, WhatsappUserId};
        let known = |kind, value: &str, verified| (kind, value.to_owned(), verified);
        assert_eq!(
            identities_of("whatsapp", json!({ "phone": "9776252661", "email": "a@b" })),
            [
                known(WhatsappUserId, "c-1", true),
                known(Phone, "9776252661", false),
                known(Email, "a@b", false)
            ]
        );
        assert_eq!(identities_of("webchat", json!({})), [known(VisitorId, "c-1", true)]);
        assert_eq!(
            identities_of("whatsapp", json!({ "external_id": "ada", "phone": "+4930123" })),
            [known(ExternalId, "ada", true), known(Phone, "+4930123", true)]
        );
        assert_eq!(
            identities_of("webchat", json!({ "phone": "+4930123" }))[1],
            known(Phone, "+4930123", false)
        );
    }

    #[test]
    fn labels_fit_their_limit() {
        assert_eq!(label(" weather "), Some("weather".to_owned()));
        assert_eq!(label("  "), None);
        assert_eq!(label(&"é".repeat(70)).unwrap().chars().count(), 64);
        assert_eq!(label(&format!("{} b", "a".repeat(63))).unwrap(), "a".repeat(63));
    }

    #[test]
    fn what_was_begun_is_not_settled() {
        let settled =
            |state: DeliveryState| is_settled(&Message { delivery: state.into(), ..Message::default() });
        assert!(
            settled(DeliveryState::Sent)
                && settled(DeliveryState::Withdrawn)
                && settled(DeliveryState::Failed)
        );
        assert!(!settled(DeliveryState::Queued) && !settled(DeliveryState::Unknown));
        assert!(settled(DeliveryState::Unspecified), "a customer's message does not leave");
    }
}
