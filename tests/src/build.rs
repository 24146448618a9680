//! Builders of what tests send.

use chrono::{DateTime, Utc};
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{IngestItem, IngestMessage, MessageContent, TextContent};
use tandem_proto::r#type::v1::{Identity, IdentityKind};

pub fn time(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}

/// A text.
pub fn text(text: impl Into<String>) -> MessageContent {
    MessageContent { kind: Some(Kind::Text(TextContent { text: text.into() })) }
}

/// What an agent or the AI says.
pub fn agent_text(words: impl Into<String>) -> Vec<MessageContent> {
    vec![text(words)]
}

fn verified(kind: IdentityKind, value: &str) -> Identity {
    Identity { kind: kind.into(), value: value.to_owned(), verified: true }
}

pub fn phone(value: &str) -> Identity {
    verified(IdentityKind::Phone, value)
}

pub fn whatsapp(value: &str) -> Identity {
    verified(IdentityKind::WhatsappUserId, value)
}

pub fn visitor(value: &str) -> Identity {
    verified(IdentityKind::VisitorId, value)
}

/// A customer's message that happens now.
pub fn item(
    external_id: impl Into<String>,
    identities: Vec<Identity>,
    words: impl Into<String>,
) -> IngestItem {
    item_at(external_id, identities, words, tandem_ambient::Ambient::system().now())
}

/// A customer's message of a given time.
pub fn item_at(
    external_id: impl Into<String>,
    identities: Vec<Identity>,
    words: impl Into<String>,
    at: DateTime<Utc>,
) -> IngestItem {
    IngestItem {
        external_id: external_id.into(),
        identities,
        display_name: String::new(),
        source_time: Some(time(at)),
        receive_time: None,
        event: Some(Event::Message(IngestMessage { content: Some(text(words)), ..IngestMessage::default() })),
    }
}
