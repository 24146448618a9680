//! What an adapter makes of the bodies that WhatsApp posts. Every field of a body goes somewhere, or stands in `DROPPED`
//! with the reason why not.

use serde_json::Value;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    ChoiceContent, ChoiceKind, ContactCard, ContactCardsContent, DeliveryState, IngestIdentityChange,
    IngestItem, IngestMessage, IngestReaction, IngestReceipt, LocationContent, MediaContent, MediaKind,
    MediaState, MessageContent, OrderContent, OrderItem, Referral, TextContent, UnsupportedContent,
};
use tandem_proto::r#type::v1::{Identity, IdentityKind};

/// What nobody who answers the customer wants to know.
pub const DROPPED: &[(&str, &str)] = &[
    (
        "url",
        "short-lived, and nothing that comes from outside may be fetched as it is: the id is what counts",
    ),
    ("conversation", "the provider's billing"),
    ("pricing", "the provider's billing"),
    ("context.from", "whose message is quoted shows in the quoted message"),
    ("errors.href", "the provider's manual"),
    ("errors.title", "the same words as the message"),
    ("recipient_id", "the reply names its recipient"),
];

/// A value as text; empty when it is not there.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn is(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

fn identity(kind: IdentityKind, value: String, verified: bool) -> Identity {
    Identity { kind: kind.into(), value, verified }
}

/// WhatsApp gives numbers without the plus.
fn phone(digits: &str) -> Identity {
    identity(IdentityKind::Phone, format!("+{digits}"), true)
}

/// The items of a body, in its order.
pub fn items(body: &Value) -> Vec<IngestItem> {
    let changes = list(&body["entry"]).iter().flat_map(|entry| list(&entry["changes"]));
    let values = changes.filter(|change| change["field"] == "messages").map(|change| &change["value"]);
    values
        .flat_map(|value| {
            let messages = list(&value["messages"]).iter().map(|message| message_item(value, message));
            messages.chain(list(&value["statuses"]).iter().map(status_item))
        })
        .collect()
}

/// The person who sent it: a number, a user id, or both; the portfolio's id is shown and decides nothing.
fn person(value: &Value, message: &Value) -> (Vec<Identity>, String) {
    let from = text(&message["from"]);
    let contacts = list(&value["contacts"]);
    let contact = contacts.iter().find(|contact| contact["wa_id"] == message["from"]).or(contacts.first());
    let contact = contact.cloned().unwrap_or_default();
    let mut identities = Vec::new();
    if !from.is_empty() {
        identities.push(phone(&from));
    }
    for (key, verified) in [("user_id", true), ("parent_user_id", false)] {
        if let Some(id) = contact[key].as_str() {
            identities.push(identity(IdentityKind::WhatsappUserId, id.to_owned(), verified));
        }
    }
    (identities, text(&contact["profile"]["name"]))
}

fn at(value: &Value) -> Option<prost_types::Timestamp> {
    let seconds = text(&value["timestamp"]).parse().ok()?;
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn message_item(value: &Value, message: &Value) -> IngestItem {
    let (identities, display_name) = person(value, message);
    IngestItem {
        external_id: text(&message["id"]),
        identities,
        display_name,
        source_time: at(message),
        receive_time: None,
        event: Some(event(message)),
    }
}

fn event(message: &Value) -> Event {
    match text(&message["type"]).as_str() {
        "reaction" => Event::Reaction(IngestReaction {
            target_external_id: text(&message["reaction"]["message_id"]),
            emoji: text(&message["reaction"]["emoji"]),
        }),
        "system" if message["system"]["type"] == "user_changed_number" => {
            let system = &message["system"];
            Event::IdentityChange(IngestIdentityChange {
                new_identity: Some(phone(&text(&system["wa_id"]))),
                text: text(&system["body"]),
            })
        }
        kind => Event::Message(IngestMessage {
            content: Some(MessageContent { kind: Some(content(kind, message)) }),
            reply_to_external_id: text(&message["context"]["id"]),
            forwarded: is(&message["context"]["forwarded"])
                || is(&message["context"]["frequently_forwarded"]),
            referral: message.get("referral").map(referral),
        }),
    }
}

fn referral(from: &Value) -> Referral {
    Referral {
        source_type: text(&from["source_type"]),
        source_id: text(&from["source_id"]),
        source_url: text(&from["source_url"]),
        headline: text(&from["headline"]),
        body: text(&from["body"]),
        click_id: text(&from["ctwa_clid"]),
    }
}

fn content(kind: &str, message: &Value) -> Kind {
    let inner = &message[kind];
    match kind {
        "text" => Kind::Text(TextContent { text: text(&inner["body"]) }),
        "image" => media(MediaKind::Image, inner),
        "video" => media(MediaKind::Video, inner),
        "audio" => media(MediaKind::Audio, inner),
        "document" => media(MediaKind::Document, inner),
        "sticker" => media(MediaKind::Sticker, inner),
        "location" => Kind::Location(LocationContent {
            latitude: number(&inner["latitude"]),
            longitude: number(&inner["longitude"]),
            name: text(&inner["name"]),
            address: text(&inner["address"]),
            url: text(&inner["url"]),
        }),
        "contacts" => {
            Kind::ContactCards(ContactCardsContent { cards: list(inner).iter().map(card).collect() })
        }
        "interactive" => interactive(message),
        "button" => Kind::Choice(ChoiceContent {
            choice_kind: ChoiceKind::Template.into(),
            payload: text(&inner["payload"]),
            title: text(&inner["text"]),
            description: String::new(),
        }),
        "order" => Kind::Order(OrderContent {
            catalog_id: text(&inner["catalog_id"]),
            items: list(&inner["product_items"]).iter().map(order_item).collect(),
            text: text(&inner["text"]),
        }),
        "unsupported" => unsupported(&text(&inner["type"]), message),
        other => unsupported(other, message),
    }
}

/// What this adapter knows nothing of is shown as such, with everything that came.
fn unsupported(kind: &str, message: &Value) -> Kind {
    Kind::Unsupported(UnsupportedContent { r#type: kind.to_owned(), raw_json: message.to_string() })
}

fn media(kind: MediaKind, from: &Value) -> Kind {
    Kind::Media(MediaContent {
        media_kind: kind.into(),
        media_id: text(&from["id"]),
        mime_type: text(&from["mime_type"]),
        sha256: text(&from["sha256"]),
        caption: text(&from["caption"]),
        file_name: text(&from["filename"]),
        voice: is(&from["voice"]),
        animated: is(&from["animated"]),
        state: MediaState::Pending.into(),
        ..MediaContent::default()
    })
}

fn interactive(message: &Value) -> Kind {
    let inner = &message["interactive"];
    let kind = match text(&inner["type"]).as_str() {
        "button_reply" => ChoiceKind::Button,
        "list_reply" => ChoiceKind::List,
        other => return unsupported(other, message),
    };
    let reply = &inner[text(&inner["type"]).as_str()];
    Kind::Choice(ChoiceContent {
        choice_kind: kind.into(),
        payload: text(&reply["id"]),
        title: text(&reply["title"]),
        description: text(&reply["description"]),
    })
}

fn card(from: &Value) -> ContactCard {
    let all = |key: &str, inner: &str| list(&from[key]).iter().map(|value| text(&value[inner])).collect();
    ContactCard {
        name: text(&from["name"]["formatted_name"]),
        phones: all("phones", "phone"),
        emails: all("emails", "email"),
        organization: text(&from["org"]["company"]),
        // Parts of the name, whose kinds of number they are, and who of them is on WhatsApp.
        extra_json: from.to_string(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "prices are far below what a double holds exactly")]
fn order_item(from: &Value) -> OrderItem {
    OrderItem {
        product_id: text(&from["product_retailer_id"]),
        quantity: number(&from["quantity"]) as i32,
        price_micros: (number(&from["item_price"]) * 1e6).round() as i64,
        currency: text(&from["currency"]),
    }
}

fn status_item(status: &Value) -> IngestItem {
    let state = match text(&status["status"]).as_str() {
        "sent" => DeliveryState::Sent,
        "delivered" => DeliveryState::Delivered,
        "read" | "played" => DeliveryState::Read,
        _ => DeliveryState::Failed,
    };
    let (id, error) = (text(&status["id"]), &status["errors"][0]);
    let words = [&error["code"], &error["message"], &error["error_data"]["details"]].map(text);
    let failure = if error.is_null() { String::new() } else { words.join(": ") };
    IngestItem {
        // A reply has several; each comes again until it is acknowledged.
        external_id: format!("{id}:{}:{}", text(&status["status"]), text(&status["timestamp"])),
        source_time: at(status),
        event: Some(Event::Receipt(IngestReceipt {
            provider_id: id,
            state: state.into(),
            failure: failure.chars().take(500).collect(),
            ..IngestReceipt::default()
        })),
        ..IngestItem::default()
    }
}
