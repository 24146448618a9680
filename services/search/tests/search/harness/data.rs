//! Builders of what is on the feeds.

use prost_types::Timestamp;
use tandem_change_feed::{Body, Change, ChangeKind};
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{Contact, Message, MessageContent, TextContent};
use tandem_proto::customer::v1::Customer;
use tandem_proto::r#type::v1::{Actor, ActorKind, Identity, IdentityKind};
use uuid::Uuid;

pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A customer's message that says something.
pub fn message(number: u128, conversation: Uuid, channel: Uuid, text: &str) -> Message {
    let seconds = i64::try_from(1_700_000_000 + number).unwrap();
    Message {
        id: id(number).to_string(),
        conversation_id: conversation.to_string(),
        channel_id: channel.to_string(),
        contact_id: id(0xc0).to_string(),
        position: i64::try_from(number).unwrap(),
        author: Some(Actor {
            kind: ActorKind::Customer.into(),
            id: id(0xc0).to_string(),
            name: String::new(),
        }),
        content: Some(MessageContent { kind: Some(Kind::Text(TextContent { text: text.to_owned() })) }),
        source_time: Some(Timestamp { seconds, nanos: 0 }),
        store_time: Some(Timestamp { seconds: seconds + 1, nanos: 5000 }),
        version: 1,
        ..Message::default()
    }
}

pub fn message_change(tenant: Uuid, message: Message) -> Change {
    Change {
        seq: 0,
        tenant_id: tenant.to_string(),
        entity_id: message.id.clone(),
        kind: ChangeKind::Message.into(),
        body: Some(Body::Message(message)),
    }
}

/// A customer with a contact a channel; phones as written.
pub fn customer(number: u128, name: &str, contacts: &[(Uuid, &str)]) -> Customer {
    let contact = |(channel, address): &(Uuid, &str)| Contact {
        id: id(number + 1_000_000).to_string(),
        channel_id: channel.to_string(),
        identities: vec![Identity {
            kind: if address.contains('@') { IdentityKind::Email } else { IdentityKind::Phone }.into(),
            value: (*address).to_owned(),
            verified: true,
        }],
        ..Contact::default()
    };
    Customer {
        id: id(number).to_string(),
        display_name: name.to_owned(),
        contacts: contacts.iter().map(contact).collect(),
        version: 1,
        ..Customer::default()
    }
}

pub fn customer_change(tenant: Uuid, customer: Customer) -> Change {
    Change {
        seq: 0,
        tenant_id: tenant.to_string(),
        entity_id: customer.id.clone(),
        kind: ChangeKind::Customer.into(),
        body: Some(Body::Customer(customer)),
    }
}

/// The change of something that no longer exists.
pub fn gone(tenant: Uuid, entity: Uuid, kind: ChangeKind) -> Change {
    Change {
        seq: 0,
        tenant_id: tenant.to_string(),
        entity_id: entity.to_string(),
        kind: kind.into(),
        body: None,
    }
}
