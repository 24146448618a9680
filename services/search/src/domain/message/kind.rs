//! The kinds of messages by the words that documents hold.

use tandem_proto::search::v1::MessageKind;

/// Every kind; one that is not here has no documents.
const KINDS: &[(MessageKind, &str)] = &[
    (MessageKind::Text, "text"),
    (MessageKind::Image, "image"),
    (MessageKind::Video, "video"),
    (MessageKind::Audio, "audio"),
    (MessageKind::Document, "document"),
    (MessageKind::Sticker, "sticker"),
    (MessageKind::Location, "location"),
    (MessageKind::ContactCards, "contact_cards"),
    (MessageKind::Choice, "choice"),
    (MessageKind::Template, "template"),
    (MessageKind::Order, "order"),
    (MessageKind::System, "system"),
    (MessageKind::Unsupported, "unsupported"),
];

/// The word of a kind.
pub fn word(kind: MessageKind) -> Option<&'static str> {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, word)| *word)
}

/// The kind of a word.
pub fn of_word(word: &str) -> MessageKind {
    KINDS.iter().find(|(_, known)| *known == word).map_or(MessageKind::Unspecified, |(kind, _)| *kind)
}
