//! Edits, deletions and reactions, before and after what they are about; echoes; private notes.

use std::sync::Arc;

use chrono::TimeDelta;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    ChannelPolicy, IngestDeletion, IngestEdit, IngestItem, IngestMessage, IngestReaction, IngestStored,
    Message, SendMessageRequest,
};
use tandem_proto::r#type::v1::{ActorKind, ConversationStatus, HolderChangeCause, HolderKind, Identity};
use tandem_tests::{Parts, Suite, item_at, refused, stored, text, whatsapp};
use tonic::Code;
use uuid::Uuid;

fn who() -> Vec<Identity> {
    vec![whatsapp("US.1")]
}

fn event(suite: &Suite, external_id: &str, event: Event) -> IngestItem {
    let item = item_at(external_id, who(), "", suite.ambient.now());
    IngestItem { event: Some(event), ..item }
}

fn edit(target: &str, words: &str) -> Event {
    Event::Edit(IngestEdit { target_external_id: target.to_owned(), content: Some(text(words)) })
}

fn deletion(target: &str) -> Event {
    Event::Deletion(IngestDeletion { target_external_id: target.to_owned() })
}

fn reaction(target: &str, emoji: &str) -> Event {
    Event::Reaction(IngestReaction { target_external_id: target.to_owned(), emoji: emoji.to_owned() })
}

async fn ingest(suite: &Suite, channel: Uuid, external_id: &str, happened: Event) -> IngestStored {
    stored(suite.ingest(1, channel, vec![event(suite, external_id, happened)]).await.results.remove(0))
}

fn words(message: &Message) -> Option<&str> {
    match message.content.as_ref()?.kind.as_ref()? {
        Kind::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn emoji(message: &Message) -> Vec<&str> {
    message.reactions.iter().map(|reaction| reaction.emoji.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_after_their_target_change_it() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let first = suite.write(channel, "m1", &who(), "helo").await;
    let id = first.conversation_id.clone();
    let edited = ingest(&suite, channel, "e1", edit("m1", "hello")).await;
    assert_eq!((&edited.message_id, edited.position), (&first.message_id, 1), "the target");
    ingest(&suite, channel, "r1", reaction("m1", "👍")).await;
    ingest(&suite, channel, "r2", reaction("m1", "❤️")).await;
    let message = suite.messages(&id).await.remove(0);
    assert_eq!((words(&message), emoji(&message)), (Some("hello"), vec!["❤️"]), "one person, one reaction");
    assert!(message.edit_time.is_some() && message.version > 1);
    assert_eq!(suite.get(&id).await.preview, "hello");
    // An edit of an older message leaves the preview alone.
    suite.write(channel, "m2", &who(), "a secret").await;
    ingest(&suite, channel, "e2", edit("m1", "hello!")).await;
    assert_eq!(suite.get(&id).await.preview, "a secret");
    ingest(&suite, channel, "r3", reaction("m1", "")).await;
    assert!(emoji(&suite.messages(&id).await[0]).is_empty(), "taken off");
    // A deletion leaves a tombstone: the place stays, the words are gone, wherever they were shown.
    let gone = ingest(&suite, channel, "d1", deletion("m2")).await;
    assert_eq!(gone.position, 2);
    let message = suite.messages(&id).await.remove(1);
    assert!(message.content.is_none() && message.delete_time.is_some());
    assert_eq!(suite.get(&id).await.preview, "");
    // Nothing brings them back: no edit, no replay.
    ingest(&suite, channel, "e3", edit("m2", "a secret again")).await;
    let replayed = suite.write(channel, "m2", &who(), "a secret").await;
    assert_eq!((replayed.replayed, replayed.message_id), (true, gone.message_id));
    assert!(suite.messages(&id).await[1].content.is_none());
    assert_eq!(suite.get(&id).await.last_position, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_before_their_target_wait_for_it() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    for (external_id, happened) in [
        ("e1", edit("m1", "first edit")),
        ("e2", edit("m1", "second edit")),
        ("r1", reaction("m1", "👍")),
        ("d1", deletion("m2")),
    ] {
        suite.ambient.clock().advance(TimeDelta::milliseconds(1));
        let kept = ingest(&suite, channel, external_id, happened).await;
        assert_eq!((kept.message_id.as_str(), kept.position), ("", 0), "its target has not come");
    }
    let id = suite.write(channel, "m1", &who(), "as written").await.conversation_id;
    let message = suite.messages(&id).await.remove(0);
    assert_eq!((words(&message), emoji(&message)), (Some("second edit"), vec!["👍"]));
    assert_eq!(suite.get(&id).await.preview, "second edit");
    suite.write(channel, "m2", &who(), "a secret").await;
    let messages = suite.messages(&id).await;
    assert!(messages[1].content.is_none() && messages[1].delete_time.is_some());
    assert_eq!(suite.get(&id).await.preview, "");
    // In one batch, before the target; and all in one, the wrong way round.
    let edits = |target: &str| -> Vec<IngestItem> {
        let edit = |n| event(&suite, &format!("{target}-{n}"), edit(target, &format!("edit {n}")));
        (0..10).map(edit).collect()
    };
    suite.ingest(0, channel, edits("m3")).await;
    suite.write(channel, "m3", &who(), "third").await;
    let mut batch = edits("m4");
    batch.push(item_at("m4", who(), "fourth", suite.ambient.now()));
    suite.ingest(0, channel, batch).await;
    let messages = suite.messages(&id).await;
    assert_eq!((words(&messages[2]), words(&messages[3])), (Some("edit 9"), Some("edit 9")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_and_its_target_at_once_lose_nothing() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let mut id = String::new();
    for round in 0..100 {
        let (target, other) = (format!("m{round}"), format!("e{round}"));
        let item = item_at(target.clone(), who(), "as written", suite.ambient.now());
        let edited = event(&suite, &other, edit(&target, "edited"));
        let (one, _) =
            tokio::join!(suite.ingest(0, channel, vec![item]), suite.ingest(1, channel, vec![edited]));
        id = one.results.into_iter().map(stored).next().unwrap().conversation_id;
    }
    let messages = suite.messages(&id).await;
    assert_eq!(messages.len(), 100);
    assert!(messages.iter().all(|message| words(message) == Some("edited")), "an edit was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_counts_as_a_take_over_by_the_default_team() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(1).await;
    let policy =
        ChannelPolicy { ai_enabled: true, default_team_id: team.to_string(), ..ChannelPolicy::default() };
    let channel = suite.create_channel_with(policy).await;
    let id = suite.write(channel, "m1", &who(), "hello").await.conversation_id;
    suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["the AI's words"])).await.unwrap();
    suite.write(channel, "m2", &who(), "are you there?").await;
    let echo = |words| Event::Echo(IngestMessage { content: Some(text(words)), ..IngestMessage::default() });
    let echoed = ingest(&suite, channel, "x1", echo("typed on the phone")).await;
    assert_eq!((echoed.conversation_id.as_str(), echoed.position), (id.as_str(), 4));
    let conversation = suite.get(&id).await;
    assert_eq!(conversation.holder.as_ref().unwrap().id, team.to_string());
    assert_eq!((conversation.epoch, conversation.answered_position), (2, 3));
    assert_eq!((conversation.status(), conversation.waiting_since), (ConversationStatus::Open, None));
    assert_eq!(suite.holder_changes(&id).await[1].1.cause(), HolderChangeCause::Echo);
    let messages = suite.messages(&id).await;
    assert_eq!(messages[3].author.as_ref().unwrap().kind(), ActorKind::Business);
    assert!(
        suite.adapter(0, channel).pull(10, false).await.is_empty(),
        "withdrawn, and the echo does not leave"
    );
    let stale = suite.as_ai(0).send_message(suite.answer(&id, 1, 3, &["too late"])).await;
    refused(stale, Code::FailedPrecondition, "HOLDER_CHANGED");
    // What an agent holds stays the agent's; without a team it is nobody's.
    suite.take_over(0, &id).await.unwrap();
    ingest(&suite, channel, "x2", echo("and again")).await;
    assert_eq!(suite.get(&id).await.holder.unwrap().id, agents[0].to_string());
    let plain = suite.create_channel().await;
    let id = suite.write(plain, "m1", &who(), "hello").await.conversation_id;
    ingest(&suite, plain, "x1", echo("typed on the phone")).await;
    assert_eq!(suite.get(&id).await.holder.unwrap().kind(), HolderKind::Nobody);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_note_never_leaves_and_needs_no_hold() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &who(), "hello").await.conversation_id;
    let before = suite.get(&id).await;
    let note = || SendMessageRequest { private: true, ..suite.answer(&id, 0, 0, &["he is in a hurry"]) };
    let noted = suite.as_agent(0, 1).send_message(note()).await.unwrap().into_inner();
    assert!(noted.messages[0].private);
    assert_eq!((noted.messages[0].position, noted.messages[0].delivery), (2, 0));
    let after = suite.get(&id).await;
    assert_eq!((after.holder, after.epoch, after.status), (before.holder, before.epoch, before.status));
    assert_eq!((after.preview.as_str(), after.waiting_since), ("hello", before.waiting_since));
    assert_eq!(after.last_activity_time, before.last_activity_time);
    assert!(suite.adapter(0, channel).pull(10, false).await.is_empty());
    // The AI leaves one too, also while a person holds it; an answer still counts as the first.
    suite.as_ai(1).send_message(note()).await.unwrap();
    suite.as_ai(1).send_message(suite.answer(&id, 1, 1, &["hi"])).await.unwrap();
    suite.say(0, &id, &["hello"]).await;
    suite.as_ai(1).send_message(note()).await.unwrap();
    assert_eq!(suite.get(&id).await.last_position, 6);
}
