//! What a message says.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Stored as JSON in `message.content`; the tag is the kind's name, which search and exports read too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    Text { text: String },
    Media(Media),
    Location { latitude: f64, longitude: f64, name: String, address: String, url: String },
    ContactCards { cards: Vec<Card> },
    Choice { choice_kind: i32, payload: String, title: String, description: String },
    Template { name: String, language: String, parameters: Vec<String>, text: String },
    Order { catalog_id: String, items: Vec<OrderItem>, text: String },
    System { code: String, text: String },
    Unsupported { r#type: String, raw_json: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    pub media_kind: i32,
    pub media_id: String,
    pub mime_type: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub caption: String,
    pub file_name: String,
    pub voice: bool,
    pub animated: bool,
    pub state: i32,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Where a file is, as its channel's adapter tells after the message came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaReference {
    pub state: i32,
    pub media_id: String,
    pub mime_type: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Media {
    /// Puts a newer reference in the place of what was known.
    pub fn refer(&mut self, to: MediaReference) {
        self.state = to.state;
        self.media_id = to.media_id;
        self.mime_type = to.mime_type;
        self.size_bytes = to.size_bytes;
        self.sha256 = to.sha256;
        self.expires_at = to.expires_at;
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub name: String,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    pub organization: String,
    pub extra_json: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    pub product_id: String,
    pub quantity: i32,
    pub price_micros: i64,
    pub currency: String,
}

/// The advertisement or post through which a customer came. Stored as JSON in `message.referral`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    pub source_type: String,
    pub source_id: String,
    pub source_url: String,
    pub headline: String,
    pub body: String,
    pub click_id: String,
}

/// Characters of a preview.
const PREVIEW: usize = 200;

impl Content {
    /// The words that a list shows, at most 200 characters.
    pub fn preview(&self) -> String {
        let words = match self {
            Self::Text { text } | Self::System { text, .. } => text,
            Self::Media(media) if media.caption.is_empty() => &media.file_name,
            Self::Media(media) => &media.caption,
            Self::Location { name, address, .. } => {
                if name.is_empty() {
                    address
                } else {
                    name
                }
            }
            Self::ContactCards { cards } => {
                return cards
                    .iter()
                    .map(|card| card.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
                    .chars()
                    .take(PREVIEW)
                    .collect();
            }
            Self::Choice { title, .. } => title,
            Self::Template { text, name, .. } => {
                if text.is_empty() {
                    name
                } else {
                    text
                }
            }
            Self::Order { text, .. } => text,
            Self::Unsupported { r#type, .. } => r#type,
        };
        words.chars().take(PREVIEW).collect()
    }

    /// Characters that count against a channel's text limit.
    pub fn text_length(&self) -> usize {
        match self {
            Self::Text { text } => text.chars().count(),
            Self::Media(media) => media.caption.chars().count(),
            _ => 0,
        }
    }

    pub fn is_template(&self) -> bool {
        matches!(self, Self::Template { .. })
    }
}
