//! Changes of the feeds as documents.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost::Message as _;
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tandem_change_feed::{Body, Change};
use tandem_proto::conversation::v1::MediaKind;
use tandem_proto::conversation::v1::{Message, MessageContent, message_content::Kind};
use tandem_proto::customer::v1::Customer;
use tandem_proto::r#type::v1::IdentityKind;
use uuid::Uuid;

use super::writer::Edits;
use crate::domain::customer::{CustomerDocument, Person, document as customer};
use crate::domain::message::{MessageDocument, document as message};
use crate::engine::Document;

/// The edits that changes of messages make. A deleted or erased message has no document.
pub fn messages(changes: &[Change]) -> Edits {
    let mut edits = Edits::default();
    for change in newest(changes) {
        let Some((tenant, id)) = whose(change) else { continue };
        let key = message::document_id(tenant, id);
        let document = match &change.body {
            Some(Body::Message(message)) => message_document(tenant, id, message),
            _ => None,
        };
        edits.add(tenant, key, document);
    }
    edits
}

/// The edits that changes of customers make. A customer that was merged into another one, or erased, has no document.
pub fn customers(changes: &[Change]) -> Edits {
    let mut edits = Edits::default();
    for change in newest(changes) {
        let Some((tenant, id)) = whose(change) else { continue };
        let key = customer::document_id(tenant, id);
        let document = match &change.body {
            Some(Body::Customer(customer))
                if customer.merged_into_id.is_empty() && customer.erase_time.is_none() =>
            {
                Some(CustomerDocument::from(person(tenant, id, customer)))
            }
            _ => None,
        };
        edits.add(tenant, key, document);
    }
    edits
}

/// The last change of each entity: one batch may tell of it more than once.
fn newest(changes: &[Change]) -> impl Iterator<Item = &Change> {
    let key = |change: &Change| (change.tenant_id.clone(), change.entity_id.clone());
    let last: HashMap<_, _> = changes.iter().enumerate().map(|(at, change)| (key(change), at)).collect();
    changes.iter().enumerate().filter(move |(at, change)| last[&key(change)] == *at).map(|(_, change)| change)
}

impl Edits {
    fn add(&mut self, tenant: Uuid, id: String, document: Option<impl Serialize>) {
        let json = document.and_then(|document| match serde_json::value::to_raw_value(&document) {
            Ok(json) => Some(json),
            Err(error) => {
                tracing::error!(id, %error, "a document has no JSON form");
                None
            }
        });
        self.tenants.insert(id.clone(), tenant);
        match json {
            Some(json) => self.puts.push(Document { id, json }),
            None => self.removals.push(id),
        }
    }
}

fn whose(change: &Change) -> Option<(Uuid, Uuid)> {
    let ids = change.tenant_id.parse().ok().zip(change.entity_id.parse().ok());
    if ids.is_none() {
        tracing::error!(seq = change.seq, "a change on the feed names no UUID");
    }
    ids
}

fn message_document(tenant: Uuid, id: Uuid, message: &Message) -> Option<MessageDocument> {
    if message.delete_time.is_some() {
        return None;
    }
    let (kind, text) = content(message.content.as_ref()?)?;
    let author = message.author.clone().unwrap_or_default();
    let parse = |text: &str| text.parse::<Uuid>().ok();
    let stored = micros(message.store_time.as_ref());
    let written = message.source_time.as_ref().map_or(stored, |time| micros(Some(time)));
    let time = written.div_euclid(1000);
    let document = MessageDocument {
        id: message::document_id(tenant, id),
        tenant_id: tenant,
        message_id: id,
        conversation_id: parse(&message.conversation_id)?,
        channel_id: parse(&message.channel_id)?,
        contact_id: parse(&message.contact_id).unwrap_or_default(),
        author_kind: author.kind,
        author_id: author.id,
        kind,
        private: message.private,
        position: message.position,
        time,
        month: MessageDocument::month(time),
        stored,
        text: String::new(),
        pairs: Vec::new(),
        folded: String::new(),
        numbers: Vec::new(),
    };
    Some(document.with_text(text))
}

/// A message's kind, and its words: everything of it that a person reads.
fn content(content: &MessageContent) -> Option<(&'static str, String)> {
    let lines = |parts: &[&str]| {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.trim().is_empty()).collect();
        parts.join("\n")
    };
    Some(match content.kind.as_ref()? {
        Kind::Text(text) => ("text", text.text.clone()),
        Kind::Media(media) => {
            let kind = match media.media_kind() {
                MediaKind::Image => "image",
                MediaKind::Video => "video",
                MediaKind::Audio => "audio",
                MediaKind::Document | MediaKind::Unspecified => "document",
                MediaKind::Sticker => "sticker",
            };
            (kind, lines(&[&media.caption, &media.file_name]))
        }
        Kind::Location(place) => ("location", lines(&[&place.name, &place.address])),
        Kind::ContactCards(cards) => {
            let parts: Vec<&str> = (cards.cards.iter())
                .flat_map(|card| {
                    let addresses = card.phones.iter().chain(&card.emails);
                    [&card.name, &card.organization].into_iter().chain(addresses).map(String::as_str)
                })
                .collect();
            ("contact_cards", lines(&parts))
        }
        Kind::Choice(choice) => ("choice", lines(&[&choice.title, &choice.description])),
        Kind::Template(template) if template.text.is_empty() => ("template", template.parameters.join("\n")),
        Kind::Template(template) => ("template", template.text.clone()),
        Kind::Order(order) => {
            let mut parts = vec![order.text.as_str()];
            parts.extend(order.items.iter().map(|item| item.product_id.as_str()));
            ("order", lines(&parts))
        }
        Kind::System(system) => ("system", system.text.clone()),
        Kind::Unsupported(_) => ("unsupported", String::new()),
    })
}

fn person(tenant: Uuid, id: Uuid, customer: &Customer) -> Person {
    let contacts = customer.contacts.iter();
    // Those of contacts, and those that imports gave.
    let of_contacts = |kind: IdentityKind| {
        let identities = contacts.clone().flat_map(|contact| &contact.identities);
        identities.filter(move |identity| identity.kind() == kind).map(|identity| identity.value.clone())
    };
    Person {
        tenant,
        id,
        names: once(
            std::iter::once(&customer.display_name)
                .chain(contacts.clone().map(|contact| &contact.display_name))
                .filter(|name| !name.trim().is_empty())
                .cloned(),
        ),
        emails: once(
            of_contacts(IdentityKind::Email).chain(customer.emails.iter().map(|email| email.sent.clone())),
        ),
        phones: once(
            of_contacts(IdentityKind::Phone).chain(customer.phones.iter().map(|phone| phone.sent.clone())),
        ),
        channels: once(contacts.filter_map(|contact| contact.channel_id.parse().ok())),
        has_contacts: !customer.contacts.is_empty(),
        tags: customer.tag_ids.clone(),
        facts: once(
            [&customer.company, &customer.category]
                .into_iter()
                .chain(&customer.import_ids)
                .filter(|fact| !fact.trim().is_empty())
                .cloned(),
        ),
        last_contact: micros(customer.last_contact_time.as_ref()).div_euclid(1000),
        encoded: STANDARD_NO_PAD.encode(customer.encode_to_vec()),
    }
}

/// The customer of a document.
pub fn decode_customer(encoded: &str) -> Option<Customer> {
    Customer::decode(STANDARD_NO_PAD.decode(encoded).ok()?.as_slice()).ok()
}

/// A customer's document without what any message may change: counts, the last contact, and the agents, which the feed tells
/// only with something else.
pub fn told_of_customer(mut document: Value) -> Value {
    let encoded = document.get("customer").and_then(Value::as_str);
    if let Some(mut customer) = encoded.and_then(decode_customer) {
        (customer.last_contact_time, customer.version) = (None, 0);
        (customer.conversation_count, customer.message_count) = (0, 0);
        customer.agent_ids.clear();
        document["customer"] = STANDARD_NO_PAD.encode(customer.encode_to_vec()).into();
        document["last_contact"] = 0.into();
    }
    document
}

fn once<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut all, value| {
        if !all.contains(&value) {
            all.push(value);
        }
        all
    })
}

fn micros(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |time| time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1000))
}

#[cfg(test)]
mod tests {
    use tandem_proto::conversation::v1::{ContactCard, ContactCardsContent, MediaContent, TextContent};
    use tandem_proto::feed::v1::ChangeKind;

    use super::*;

    fn change(kind: ChangeKind, body: Option<Body>) -> Change {
        let id = |number| Uuid::from_u128(number).to_string();
        Change { seq: 1, tenant_id: id(1), entity_id: id(2), kind: kind.into(), body }
    }

    fn message(content: Option<Kind>) -> Message {
        Message {
            conversation_id: Uuid::from_u128(3).to_string(),
            channel_id: Uuid::from_u128(4).to_string(),
            contact_id: Uuid::from_u128(5).to_string(),
            content: content.map(|kind| MessageContent { kind: Some(kind) }),
            source_time: Some(Timestamp { seconds: 7, nanos: 999_999_999 }),
            ..Message::default()
        }
    }

    #[test]
    fn what_people_read_is_indexed() {
        let caption =
            MediaContent { caption: "my order".into(), file_name: "a.pdf".into(), ..Default::default() };
        let card = ContactCard { name: "Ana".into(), phones: vec!["123".into()], ..ContactCard::default() };
        for (kind, name, text) in [
            (Kind::Text(TextContent { text: "hello".into() }), "text", "hello"),
            (Kind::Media(caption), "document", "my order\\na.pdf"),
            (Kind::ContactCards(ContactCardsContent { cards: vec![card] }), "contact_cards", "Ana\\n123"),
            (Kind::Unsupported(Default::default()), "unsupported", ""),
        ] {
            let edits = messages(&[change(ChangeKind::Message, Some(Body::Message(message(Some(kind)))))]);
            let json = edits.puts[0].json.get();
            assert!(json.contains(&format!("\"text\":\"{text}\"")), "{json}");
            assert!(
                json.contains(&format!("\"kind\":\"{name}\"")) && json.contains("\"time\":7999,"),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_no_more_is_removed() {
        let mut deleted = message(Some(Kind::Text(TextContent { text: "x".into() })));
        deleted.delete_time = Some(Timestamp::default());
        for body in [None, Some(Body::Message(message(None))), Some(Body::Message(deleted))] {
            let edits = messages(&[change(ChangeKind::Message, body)]);
            assert_eq!((edits.puts.len(), edits.removals.len(), edits.tenants.len()), (0, 1, 1));
        }
        let merged = Customer { merged_into_id: "x".into(), ..Customer::default() };
        let erased = Customer { erase_time: Some(Timestamp::default()), ..Customer::default() };
        for body in [None, Some(Body::Customer(merged)), Some(Body::Customer(erased))] {
            assert_eq!(customers(&[change(ChangeKind::Customer, body)]).removals.len(), 1);
        }
    }

    #[test]
    fn a_customer_comes_back_as_it_went_in() {
        let customer = Customer { display_name: "Ana María".into(), ..Customer::default() };
        let person = person(Uuid::nil(), Uuid::nil(), &customer);
        assert_eq!(decode_customer(&person.encoded), Some(customer));
        assert_eq!(decode_customer("?"), None);
    }

    #[test]
    fn what_the_feed_does_not_tell_makes_no_difference() {
        let document = |customer: Customer| {
            let edits = customers(&[change(ChangeKind::Customer, Some(Body::Customer(customer)))]);
            told_of_customer(serde_json::from_str(edits.puts[0].json.get()).unwrap())
        };
        let before = Customer { display_name: "Ana".into(), ..Customer::default() };
        let counted = Customer {
            last_contact_time: Some(Timestamp { seconds: 9, nanos: 0 }),
            message_count: 7,
            conversation_count: 2,
            version: 5,
            agent_ids: vec!["agent".into()],
            ..before.clone()
        };
        let renamed = Customer { display_name: "Anna".into(), ..before.clone() };
        assert_eq!(document(counted), document(before.clone()));
        assert_ne!(document(renamed), document(before));
    }
}
