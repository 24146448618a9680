use std::collections::{BTreeSet, HashMap};

use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{Conversation, Message};
use tandem_proto::r#type::v1::{ActorKind, ConversationStatus};

use super::parts;
use super::plan::Script;
use super::source::{Author, SourceMessage};

/// A conversation as the API tells it.
#[derive(Debug, Clone)]
pub struct Found {
    pub conversation: Conversation,
    /// In the order of their positions.
    pub messages: Vec<Message>,
}

impl Found {
    pub fn texts(&self) -> Vec<String> {
        self.messages.iter().map(|message| text(message).to_owned()).collect()
    }
}

/// Everything in which a conversation differs from its file. `labels` gives names to ids.
pub fn compare(script: &Script, found: &Found, labels: &HashMap<String, String>) -> Vec<String> {
    let source = &script.source;
    let mut differences = Vec::new();
    if source.messages.len() != found.messages.len() {
        differences.push(format!("{} messages, {} in the file", found.messages.len(), source.messages.len()));
    }
    for (index, (wanted, message)) in source.messages.iter().zip(&found.messages).enumerate() {
        let place = i64::try_from(index + 1).unwrap_or(i64::MAX);
        if message.position != place {
            differences.push(format!("{} is at position {}, not {place}", wanted.id, message.position));
        }
        differences.extend(compare_message(wanted, message).map(|what| format!("{} {what}", wanted.id)));
    }
    if found.conversation.status() != ConversationStatus::Closed {
        differences.push(format!("is {}", found.conversation.status().as_str_name()));
    }
    let names: BTreeSet<&str> =
        found.conversation.label_ids.iter().filter_map(|id| labels.get(id)).map(String::as_str).collect();
    if let Some(topic) = source.topic.as_deref().and_then(parts::label)
        // Labels are compared without regard to case: the first spelling stays.
        && !names.iter().any(|name| name.to_lowercase() == topic.to_lowercase())
    {
        differences.push(format!("has no label `{topic}`"));
    }
    differences
}

fn compare_message(wanted: &SourceMessage, message: &Message) -> Option<String> {
    let author = match wanted.from {
        Author::Customer => ActorKind::Customer,
        Author::Bot => ActorKind::Ai,
        Author::Agent => ActorKind::Agent,
    };
    let found = message.author.clone().unwrap_or_default().kind();
    if found != author {
        return Some(format!("is by {}", found.as_str_name()));
    }
    if text(message) != wanted.text {
        return Some("has another text".to_owned());
    }
    if author == ActorKind::Customer && message.external_id != wanted.id {
        return Some(format!("has the external id `{}`", message.external_id));
    }
    if message.private {
        return Some("is a private note".to_owned());
    }
    if author != ActorKind::Customer && !parts::is_settled(message) {
        return Some(format!("is {}", message.delivery().as_str_name()));
    }
    None
}

fn text(message: &Message) -> &str {
    match message.content.as_ref().and_then(|content| content.kind.as_ref()) {
        Some(Kind::Text(text)) => &text.text,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tandem_proto::conversation::v1::{DeliveryState, MessageContent, TextContent};
    use tandem_proto::r#type::v1::Actor;

    use super::*;

    fn script() -> Script {
        let line = json!({ "conversation_id": "c", "channel": "webchat", "topic": "Weather", "messages": [
            { "id": "c:1", "from": "customer", "text": "hi" },
            { "id": "c:2", "from": "bot", "text": "hello" },
        ] });
        Script::of(serde_json::from_value(line).unwrap()).unwrap()
    }

    fn message(position: i64, author: ActorKind, text: &str) -> Message {
        let kind = Kind::Text(TextContent { text: text.to_owned() });
        Message {
            position,
            author: Some(Actor { kind: author.into(), ..Actor::default() }),
            content: Some(MessageContent { kind: Some(kind) }),
            external_id: format!("c:{position}"),
            delivery: DeliveryState::Sent.into(),
            ..Message::default()
        }
    }

    fn found() -> Found {
        let conversation = Conversation {
            status: ConversationStatus::Closed.into(),
            label_ids: vec!["l".to_owned()],
            ..Conversation::default()
        };
        let messages = vec![message(1, ActorKind::Customer, "hi"), message(2, ActorKind::Ai, "hello")];
        Found { conversation, messages }
    }

    fn differences(change: impl FnOnce(&mut Found)) -> Vec<String> {
        let mut found = found();
        change(&mut found);
        compare(&script(), &found, &[("l".to_owned(), "weather".to_owned())].into())
    }

    #[test]
    fn what_is_equal_has_no_differences() {
        assert_eq!(differences(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_told() {
        for (change, told) in [
            (
                Box::new(|found: &mut Found| drop(found.messages.pop())) as Box<dyn Fn(&mut Found)>,
                "1 messages, 2",
            ),
            (Box::new(|found| found.messages.swap(0, 1)), "c:1 is at position 2, not 1"),
            (
                Box::new(|found| found.messages[1] = message(2, ActorKind::Agent, "hello")),
                "c:2 is by ACTOR_KIND_AGENT",
            ),
            (
                Box::new(|found| found.messages[0] = message(1, ActorKind::Customer, "ho")),
                "c:1 has another text",
            ),
            (
                Box::new(|found| "x".clone_into(&mut found.messages[0].external_id)),
                "c:1 has the external id `x`",
            ),
            (Box::new(|found| found.messages[1].private = true), "c:2 is a private note"),
            (
                Box::new(|found| found.messages[1].set_delivery(DeliveryState::Queued)),
                "c:2 is DELIVERY_STATE_QUEUED",
            ),
            (
                Box::new(|found| found.conversation.set_status(ConversationStatus::Open)),
                "is CONVERSATION_STATUS_OPEN",
            ),
            (Box::new(|found| found.conversation.label_ids.clear()), "has no label `Weather`"),
        ] {
            let differences = differences(change);
            assert!(differences[0].starts_with(told), "{differences:?}, not {told}");
        }
    }
}
