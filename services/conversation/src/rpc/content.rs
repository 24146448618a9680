//! Message contents, both ways.

use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::message_content::Kind;

use super::parse;
use crate::domain::content::{Card, Content, Media, MediaReference, OrderItem, Referral};

/// Characters of a text.
const TEXT: usize = 16_384;
/// Bytes of a content on the wire; as stored it stays below the column's 128 KiB.
const BYTES: usize = 96 << 10;

/// 1 to `most` contents.
pub fn list(
    violations: &mut Violations,
    field: &str,
    contents: Vec<proto::MessageContent>,
    least: usize,
) -> Vec<Content> {
    if !(least..=10).contains(&contents.len()) {
        violations.add(field, format!("must be {least} to 10 messages"));
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(contents.len());
    for (at, content) in contents.into_iter().enumerate() {
        let mut inner = Violations::new();
        parsed.extend(one(&mut inner, content));
        violations.nest(&format!("{field}[{at}]"), inner);
    }
    parsed
}

/// One content that must be there; `field` is empty, the caller nests.
pub fn required(
    violations: &mut Violations,
    field: &str,
    content: Option<proto::MessageContent>,
) -> Option<Content> {
    let Some(content) = content else {
        violations.add(field, "must be set");
        return None;
    };
    let mut inner = Violations::new();
    let parsed = one(&mut inner, content);
    violations.nest(field, inner);
    parsed
}

fn short(violations: &mut Violations, field: &str, value: &str) {
    parse::text(violations, field, value, 0..=512);
}

fn one(violations: &mut Violations, content: proto::MessageContent) -> Option<Content> {
    let Some(kind) = content.kind else {
        violations.add("kind", "must be set");
        return None;
    };
    violations.check(kind.encoded_len() <= BYTES, "kind", "must be at most 96 KiB in all");
    Some(match kind {
        Kind::Text(text) => {
            parse::text(violations, "text.text", &text.text, 1..=TEXT);
            Content::Text { text: text.text }
        }
        Kind::Media(media) => media_of(violations, media),
        Kind::Location(place) => {
            violations.check(
                (-90.0..=90.0).contains(&place.latitude),
                "location.latitude",
                "must be -90 to 90",
            );
            violations.check(
                (-180.0..=180.0).contains(&place.longitude),
                "location.longitude",
                "must be -180 to 180",
            );
            for (field, value) in [("name", &place.name), ("address", &place.address)] {
                parse::text(violations, &format!("location.{field}"), value, 0..=1_024);
            }
            parse::text(violations, "location.url", &place.url, 0..=2_048);
            Content::Location {
                latitude: place.latitude,
                longitude: place.longitude,
                name: place.name,
                address: place.address,
                url: place.url,
            }
        }
        Kind::ContactCards(cards) => {
            violations.check(
                (1..=20).contains(&cards.cards.len()),
                "contact_cards.cards",
                "must be 1 to 20 cards",
            );
            let cards = cards.cards.into_iter().take(20).enumerate();
            Content::ContactCards { cards: cards.map(|(at, card)| card_of(violations, at, card)).collect() }
        }
        Kind::Choice(choice) => {
            short(violations, "choice.payload", &choice.payload);
            parse::text(violations, "choice.title", &choice.title, 0..=1_024);
            parse::text(violations, "choice.description", &choice.description, 0..=1_024);
            violations.check(
                (1..=3).contains(&choice.choice_kind),
                "choice.choice_kind",
                "must be a known kind",
            );
            Content::Choice {
                choice_kind: choice.choice_kind,
                payload: choice.payload,
                title: choice.title,
                description: choice.description,
            }
        }
        Kind::Template(template) => {
            parse::text(violations, "template.name", &template.name, 1..=512);
            parse::text(violations, "template.language", &template.language, 0..=35);
            parse::text(violations, "template.text", &template.text, 0..=TEXT);
            violations.check(template.parameters.len() <= 50, "template.parameters", "must be at most 50");
            for (at, parameter) in template.parameters.iter().enumerate() {
                parse::text(violations, &format!("template.parameters[{at}]"), parameter, 0..=1_024);
            }
            Content::Template {
                name: template.name,
                language: template.language,
                parameters: template.parameters,
                text: template.text,
            }
        }
        Kind::Order(order) => {
            short(violations, "order.catalog_id", &order.catalog_id);
            parse::text(violations, "order.text", &order.text, 0..=TEXT);
            violations.check((1..=100).contains(&order.items.len()), "order.items", "must be 1 to 100 items");
            let items = order.items.into_iter().take(100).enumerate();
            Content::Order {
                catalog_id: order.catalog_id,
                items: items.map(|(at, item)| item_of(violations, at, item)).collect(),
                text: order.text,
            }
        }
        Kind::System(system) => {
            parse::text(violations, "system.code", &system.code, 1..=64);
            parse::text(violations, "system.text", &system.text, 0..=TEXT);
            Content::System { code: system.code, text: system.text }
        }
        Kind::Unsupported(unknown) => {
            parse::text(violations, "unsupported.type", &unknown.r#type, 0..=128);
            violations.check(
                unknown.raw_json.len() <= 16_384 && !unknown.raw_json.contains('\0'),
                "unsupported.raw_json",
                "must be at most 16 KiB without NUL",
            );
            Content::Unsupported { r#type: unknown.r#type, raw_json: unknown.raw_json }
        }
    })
}

fn media_of(violations: &mut Violations, media: proto::MediaContent) -> Content {
    violations.check((1..=5).contains(&media.media_kind), "media.media_kind", "must be a known kind");
    violations.check((0..=3).contains(&media.state), "media.state", "must be a known state");
    violations.check(media.size_bytes >= 0, "media.size_bytes", "must not be negative");
    parse::text(violations, "media.media_id", &media.media_id, 1..=512);
    parse::text(violations, "media.mime_type", &media.mime_type, 0..=128);
    parse::text(violations, "media.sha256", &media.sha256, 0..=128);
    parse::text(violations, "media.caption", &media.caption, 0..=TEXT);
    short(violations, "media.file_name", &media.file_name);
    Content::Media(Media {
        media_kind: media.media_kind,
        media_id: media.media_id,
        mime_type: media.mime_type,
        size_bytes: media.size_bytes,
        sha256: media.sha256,
        caption: media.caption,
        file_name: media.file_name,
        voice: media.voice,
        animated: media.animated,
        state: media.state,
        expires_at: parse::time(violations, "media.expire_time", media.expire_time),
    })
}

/// Where a file is, from what an adapter tells of it.
pub fn reference(v: &mut Violations, media: proto::IngestMedia) -> MediaReference {
    let is_gone = media.state == i32::from(proto::MediaState::Gone);
    v.check((1..=3).contains(&media.state), "media.state", "must be a known state");
    parse::text(v, "media.media_id", &media.media_id, usize::from(!is_gone)..=512);
    parse::text(v, "media.mime_type", &media.mime_type, 0..=128);
    v.check(media.size_bytes >= 0, "media.size_bytes", "must not be negative");
    parse::text(v, "media.sha256", &media.sha256, 0..=128);
    MediaReference {
        state: media.state,
        media_id: media.media_id,
        mime_type: media.mime_type,
        size_bytes: media.size_bytes,
        sha256: media.sha256,
        expires_at: parse::time(v, "media.expire_time", media.expire_time),
    }
}

fn card_of(violations: &mut Violations, at: usize, card: proto::ContactCard) -> Card {
    let path = |name: &str| format!("contact_cards.cards[{at}].{name}");
    short(violations, &path("name"), &card.name);
    for (name, values) in [("phones", &card.phones), ("emails", &card.emails)] {
        violations.check(values.len() <= 20, &path(name), "must be at most 20");
        for (at, value) in values.iter().take(20).enumerate() {
            parse::text(violations, &format!("{}[{at}]", path(name)), value, 0..=256);
        }
    }
    short(violations, &path("organization"), &card.organization);
    let fits = card.extra_json.len() <= 8_192 && !card.extra_json.contains('\0');
    violations.check(fits, &path("extra_json"), "must be at most 8 KiB without NUL");
    Card {
        name: card.name,
        phones: card.phones,
        emails: card.emails,
        organization: card.organization,
        extra_json: card.extra_json,
    }
}

fn item_of(violations: &mut Violations, at: usize, item: proto::OrderItem) -> OrderItem {
    let path = |name: &str| format!("order.items[{at}].{name}");
    short(violations, &path("product_id"), &item.product_id);
    violations.check(item.quantity >= 0, &path("quantity"), "must not be negative");
    parse::text(violations, &path("currency"), &item.currency, 0..=3);
    OrderItem {
        product_id: item.product_id,
        quantity: item.quantity,
        price_micros: item.price_micros,
        currency: item.currency,
    }
}

/// The advertisement or post through which the customer came.
pub fn referral(violations: &mut Violations, field: &str, from: proto::Referral) -> Referral {
    for (name, value, most) in [
        ("source_type", &from.source_type, 64),
        ("source_id", &from.source_id, 512),
        ("source_url", &from.source_url, 2_048),
        ("headline", &from.headline, 1_024),
        ("body", &from.body, 4_096),
        ("click_id", &from.click_id, 1_024),
    ] {
        parse::text(violations, &format!("{field}.{name}"), value, 0..=most);
    }
    let proto::Referral { source_type, source_id, source_url, headline, body, click_id } = from;
    Referral { source_type, source_id, source_url, headline, body, click_id }
}

pub fn referral_to_proto(from: Referral) -> proto::Referral {
    let Referral { source_type, source_id, source_url, headline, body, click_id } = from;
    proto::Referral { source_type, source_id, source_url, headline, body, click_id }
}

/// A stored content for the wire.
pub fn to_proto(content: Content) -> proto::MessageContent {
    let kind = match content {
        Content::Text { text } => Kind::Text(proto::TextContent { text }),
        Content::Media(media) => Kind::Media(proto::MediaContent {
            media_kind: media.media_kind,
            media_id: media.media_id,
            mime_type: media.mime_type,
            size_bytes: media.size_bytes,
            sha256: media.sha256,
            caption: media.caption,
            file_name: media.file_name,
            voice: media.voice,
            animated: media.animated,
            state: media.state,
            expire_time: media.expires_at.map(super::convert::time),
        }),
        Content::Location { latitude, longitude, name, address, url } => {
            Kind::Location(proto::LocationContent { latitude, longitude, name, address, url })
        }
        Content::ContactCards { cards } => Kind::ContactCards(proto::ContactCardsContent {
            cards: cards
                .into_iter()
                .map(|card| proto::ContactCard {
                    name: card.name,
                    phones: card.phones,
                    emails: card.emails,
                    organization: card.organization,
                    extra_json: card.extra_json,
                })
                .collect(),
        }),
        Content::Choice { choice_kind, payload, title, description } => {
            Kind::Choice(proto::ChoiceContent { choice_kind, payload, title, description })
        }
        Content::Template { name, language, parameters, text } => {
            Kind::Template(proto::TemplateContent { name, language, parameters, text })
        }
        Content::Order { catalog_id, items, text } => Kind::Order(proto::OrderContent {
            catalog_id,
            items: items
                .into_iter()
                .map(|item| proto::OrderItem {
                    product_id: item.product_id,
                    quantity: item.quantity,
                    price_micros: item.price_micros,
                    currency: item.currency,
                })
                .collect(),
            text,
        }),
        Content::System { code, text } => Kind::System(proto::SystemContent { code, text }),
        Content::Unsupported { r#type, raw_json } => {
            Kind::Unsupported(proto::UnsupportedContent { r#type, raw_json })
        }
    };
    proto::MessageContent { kind: Some(kind) }
}
