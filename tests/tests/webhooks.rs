//! Real webhook bodies of WhatsApp, mapped as an adapter maps them: nothing is lost that an agent or the AI would want.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    ChoiceKind, Contact, DeliveryState, GetConversationRequest, ListConversationsRequest, Message,
    UnsupportedContent,
};
use tandem_proto::r#type::v1::{ActorKind, IdentityKind};
use tandem_tests::{Parts, Suite, stored};
use uuid::Uuid;

#[path = "webhooks/mapping.rs"]
mod mapping;

/// The bodies by file name; `None`, and a remark, where they are not.
fn bodies() -> Option<BTreeMap<String, Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/whatsapp-webhooks");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("not run: the WhatsApp webhook bodies (../shared/data/whatsapp-webhooks is not here)");
        return None;
    };
    let files =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let bodies = files.map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    });
    Some(bodies.collect())
}

/// What a test reads back.
struct Read {
    messages: Vec<Message>,
    contact: Contact,
}

impl Read {
    async fn of(suite: &Suite, conversation_id: &str) -> Self {
        let request = GetConversationRequest {
            conversation_id: conversation_id.to_owned(),
            at_least_as_fresh: Vec::new(),
        };
        let contact = suite.as_admin().get_conversation(request).await.unwrap().into_inner().contact.unwrap();
        Self { messages: suite.messages(conversation_id).await, contact }
    }

    /// Of a person who was two contacts for a while: the thread that lives, after those that ended in it.
    async fn of_person(suite: &Suite) -> Self {
        let rows = suite.as_admin().list_conversations(ListConversationsRequest::default()).await.unwrap();
        let mut conversations: Vec<_> =
            rows.into_inner().rows.into_iter().filter_map(|row| row.conversation).collect();
        conversations.sort_by_key(|conversation| conversation.successor_id.is_empty());
        let live = conversations.last().unwrap().id.clone();
        let mut messages = Vec::new();
        for conversation in &conversations {
            let ended = conversation.id != live;
            assert_eq!(
                conversation.successor_id.as_str(),
                if ended { live.as_str() } else { "" },
                "one thread goes on"
            );
            messages.extend(suite.messages(&conversation.id).await);
        }
        Self { messages, ..Self::of(suite, &live).await }
    }

    fn by_external_id(&self, id: &str) -> &Message {
        self.messages
            .iter()
            .find(|message| message.external_id == id)
            .unwrap_or_else(|| panic!("no message {id}"))
    }

    fn by_position(&self, position: i64) -> &Message {
        &self.messages[usize::try_from(position).unwrap() - 1]
    }
}

fn messages(body: &Value) -> Vec<&Value> {
    body["entry"][0]["changes"][0]["value"]["messages"].as_array().into_iter().flatten().collect()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// The ids of the business's own messages that customers quote, react to, and that statuses are about.
fn of_business(bodies: &BTreeMap<String, Value>) -> Vec<String> {
    let own: Vec<&str> = bodies.values().flat_map(messages).map(id).collect();
    let mut named = Vec::new();
    for body in bodies.values() {
        for message in messages(body) {
            named.extend([&message["context"]["id"], &message["reaction"]["message_id"]]);
        }
        named.extend(
            body["entry"][0]["changes"][0]["value"]["statuses"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|s| &s["id"]),
        );
    }
    let mut named: Vec<String> = named.into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
    named.retain(|name| !own.contains(&name.as_str()));
    named.sort();
    named.dedup();
    named
}

/// The agent says something for each of these ids, and the adapter sends it under them.
async fn said(suite: &Suite, channel: Uuid, conversation_id: &str, ids: &[String]) {
    let adapter = suite.adapter(0, channel);
    for name in ids {
        suite.say(0, conversation_id, &["Which of these?"]).await;
        let item = adapter.one().await;
        adapter.begin(&item).await.unwrap();
        adapter.sent(&item, name).await.unwrap();
    }
}

async fn post(suite: &Suite, replica: usize, channel: Uuid, body: &Value) -> String {
    let items = mapping::items(body);
    assert!(!items.is_empty(), "a body without an item");
    let results = suite.ingest(replica, channel, items).await.results;
    results.into_iter().map(stored).map(|stored| stored.conversation_id).next_back().unwrap()
}

/// The leaves of a body's messages, contacts and statuses that must be somewhere in what is read back.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    let dropped = |path: &str| {
        mapping::DROPPED.iter().any(|(name, _)| path == *name || path.ends_with(&format!(".{name}")))
    };
    if dropped(path) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| leaves(value, path, found)),
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Number(number) => found.push((path.to_owned(), number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

/// Everything that was read back, as text.
fn haystack(read: &Read) -> String {
    let mut text = format!("{:?}", read.contact);
    for message in &read.messages {
        text.push_str(&format!("{message:?}"));
        let kind = message.content.as_ref().and_then(|content| content.kind.as_ref());
        match kind {
            Some(Kind::Unsupported(UnsupportedContent { raw_json, .. })) => text.push_str(raw_json),
            Some(Kind::ContactCards(cards)) => {
                cards.cards.iter().for_each(|card| text.push_str(&card.extra_json));
            }
            _ => {}
        }
    }
    text
}

fn nothing_is_lost(bodies: &BTreeMap<String, Value>, read: &Read) {
    let haystack = haystack(read);
    for (name, body) in bodies {
        let value = &body["entry"][0]["changes"][0]["value"];
        let mut found = Vec::new();
        for part in ["messages", "contacts", "statuses"] {
            leaves(&value[part], part, &mut found);
        }
        for (path, text) in found {
            // The kind is the kind; a number has got its plus; what a number was before is in the remark.
            let is_kind = ["messages.type", "statuses.status", "system.type", "interactive.type"]
                .iter()
                .any(|kind| path.ends_with(kind));
            // Reactions and statuses change a message: which, and to what, is kept, not their own names and times.
            let is_event = path == "statuses.timestamp"
                || ["messages.id", "messages.timestamp"].contains(&path.as_str())
                    && ["11-reaction", "16-batch-two-messages"].contains(&name.as_str());
            assert!(is_kind || is_event || haystack.contains(&text), "{name}: {path} = {text} is lost");
        }
    }
}

fn kind(message: &Message) -> &Kind {
    message.content.as_ref().unwrap().kind.as_ref().unwrap()
}

/// What each body must have become, wherever its message stands.
fn each_is_whole(bodies: &BTreeMap<String, Value>, read: &Read) {
    let first = |name: &str| read.by_external_id(id(messages(&bodies[name])[0]));
    let quoted = |name: &str| {
        let message = first(name);
        let quoted = read.by_position(message.reply_to_position);
        assert_eq!(quoted.external_id, messages(&bodies[name])[0]["context"]["id"].as_str().unwrap());
        assert_eq!(quoted.author.as_ref().unwrap().kind(), ActorKind::Agent, "{name} quotes the business");
        assert_eq!(message.reply_to_external_id, "", "it has come");
    };
    assert_eq!(first("01-text").source_time.unwrap().seconds, 1_697_043_223);
    for name in ["02-text-reply", "08-button-reply", "09-list-reply", "10-template-quick-reply"] {
        quoted(name);
    }
    let Kind::Media(image) = kind(first("03-image")) else { panic!("no media") };
    assert_eq!((image.media_id.as_str(), image.mime_type.as_str()), ("2754859441498128", "image/jpeg"));
    let Kind::Media(voice) = kind(first("04-audio-voice")) else { panic!("no media") };
    assert!(voice.voice);
    let Kind::Media(document) = kind(first("05-document-forwarded")) else { panic!("no media") };
    assert_eq!((document.file_name.as_str(), document.caption.as_str()), ("filename.pdf", "caption"));
    assert!(first("05-document-forwarded").forwarded && first("06-location").forwarded);
    let Kind::Location(place) = kind(first("06-location")) else { panic!("no place") };
    assert!((place.latitude - 37.461_197_8).abs() < 1e-9 && place.name == "Facebook HQ");
    let Kind::ContactCards(cards) = kind(first("07-contacts")) else { panic!("no cards") };
    assert_eq!(cards.cards.len(), 3);
    for (name, expected) in [
        ("08-button-reply", ChoiceKind::Button),
        ("09-list-reply", ChoiceKind::List),
        ("10-template-quick-reply", ChoiceKind::Template),
    ] {
        let Kind::Choice(choice) = kind(first(name)) else { panic!("no choice") };
        assert_eq!((choice.choice_kind(), choice.payload.as_str()), (expected, "callback_data"));
    }
    let Kind::Unsupported(unknown) = kind(first("12-unsupported")) else { panic!("not unsupported") };
    assert!(unknown.r#type == "poll_creation" && unknown.raw_json.contains("131051"));
    let Kind::System(remark) = kind(first("13-system-user-changed-number")) else { panic!("no remark") };
    assert_eq!(remark.code, "number_changed");
    // Reactions are on what they are about, the business's messages too.
    for (name, at) in [("11-reaction", 0), ("16-batch-two-messages", 1)] {
        let reaction = &messages(&bodies[name])[at]["reaction"];
        let message = read.by_external_id(reaction["message_id"].as_str().unwrap());
        let emoji: Vec<&str> = message.reactions.iter().map(|reaction| reaction.emoji.as_str()).collect();
        assert_eq!(emoji, [reaction["emoji"].as_str().unwrap()]);
    }
    let failed = &bodies["15-status-failed"]["entry"][0]["changes"][0]["value"]["statuses"][0];
    let failed = read.by_external_id(id(failed));
    assert_eq!(failed.delivery(), DeliveryState::Failed);
    assert!(failed.delivery_failure.starts_with("130472: "), "{}", failed.delivery_failure);
    // One person all along, under the new number.
    let addresses: Vec<(IdentityKind, &str)> =
        read.contact.identities.iter().filter(|i| i.verified).map(|i| (i.kind(), i.value.as_str())).collect();
    assert_eq!(
        addresses,
        [(IdentityKind::WhatsappUserId, "US.13491208655302741918"), (IdentityKind::Phone, "+12195555358")]
    );
    assert_eq!(read.contact.display_name, "Sheena Nelson");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_bodies_is_lost() {
    let Some(bodies) = bodies() else { return };
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let conversation = post(&suite, 0, channel, &bodies["01-text"]).await;
    said(&suite, channel, &conversation, &of_business(&bodies)).await;
    for (at, body) in bodies.values().enumerate() {
        assert_eq!(post(&suite, at, channel, body).await, conversation, "one person, one thread");
    }
    let read = Read::of(&suite, &conversation).await;
    nothing_is_lost(&bodies, &read);
    each_is_whole(&bodies, &read);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_comes_of_any_order_twice_and_at_once() {
    let Some(bodies) = bodies() else { return };
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    // The change of number before anything that it is about, and all before the replies that they quote.
    let mut backwards: Vec<&Value> = bodies.values().rev().collect();
    let change =
        backwards.iter().position(|body| messages(body).first().is_some_and(|m| m["type"] == "system"));
    let change = backwards.remove(change.unwrap());
    backwards.insert(0, change);
    for body in &backwards {
        tokio::join!(post(&suite, 0, channel, body), post(&suite, 1, channel, body));
    }
    let before = Read::of_person(&suite).await;
    let reply = before.by_external_id(id(messages(&bodies["02-text-reply"])[0]));
    assert_eq!(
        (reply.reply_to_position, reply.reply_to_external_id.as_str()),
        (0, messages(&bodies["02-text-reply"])[0]["context"]["id"].as_str().unwrap()),
        "what it quotes has not come"
    );
    let live = before.messages.last().unwrap().conversation_id.clone();
    said(&suite, channel, &live, &of_business(&bodies)).await;
    let read = Read::of_person(&suite).await;
    // Nobody was known when the number changed: there was no place for a remark.
    let mut bodies = bodies;
    let change = bodies.remove("13-system-user-changed-number").unwrap();
    nothing_is_lost(&bodies, &read);
    bodies.insert("13-system-user-changed-number".to_owned(), change);
    assert_eq!(read.messages.len(), 13 + of_business(&bodies).len());
    assert!(read.contact.identities.iter().any(|identity| identity.value == "+12195555358"));
}
