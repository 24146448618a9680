//! The last message to a customer whose silence closes the conversation: once, where it may leave.

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    Channel, ChannelCapabilities, ChannelPolicy, CreateChannelRequest, GetChannelRequest, Message,
    UpdateChannelRequest,
};
use tandem_proto::r#type::v1::{ActorKind, ChannelKind, ConversationStatus, HolderKind};
use tandem_tests::{Parts, Suite, eventually, item_at, stored, whatsapp, wrong};
use uuid::Uuid;

const WORDS: &str = "We have not heard from you and close this for now.";

fn hours(hours: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: hours * 3_600, nanos: 0 })
}

fn line(reply_window: Option<prost_types::Duration>) -> Channel {
    let policy = ChannelPolicy {
        ai_enabled: true,
        close_after_silence: hours(2),
        close_message: WORDS.to_owned(),
        ..ChannelPolicy::default()
    };
    Channel {
        kind: ChannelKind::Whatsapp.into(),
        display_name: "line".to_owned(),
        capabilities: Some(ChannelCapabilities { reply_window, ..ChannelCapabilities::default() }),
        policy: Some(policy),
        ..Channel::default()
    }
}

fn words(message: &Message) -> &str {
    match message.content.as_ref().unwrap().kind.as_ref().unwrap() {
        Kind::Text(text) => &text.text,
        other => panic!("no text: {other:?}"),
    }
}

async fn closed(suite: &Suite, id: &str) {
    eventually("it closes", || async { suite.get(id).await.close_time }).await;
}

/// Why a conversation was closed.
async fn reasons(suite: &Suite, id: &str) -> Vec<String> {
    let entries = suite.timeline(id).await.into_iter();
    let closes = entries.filter_map(|entry| match entry.event {
        Some(Event::StatusChanged(change)) if change.to() == ConversationStatus::Closed => {
            Some(change.reason)
        }
        _ => None,
    });
    closes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_closes_with_one_last_message_however_many_processes_look() {
    // Both tick ten times a second.
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_line(line(hours(24))).await;
    let items = (0..30).map(|n| {
        let who = vec![whatsapp(&format!("US.{n}"))];
        item_at(format!("m{n}"), who, "hello", suite.ambient.now())
    });
    let results = suite.ingest(0, channel, items.collect()).await.results;
    let ids: Vec<String> = results.into_iter().map(|result| stored(result).conversation_id).collect();
    suite.as_ai(0).send_message(suite.answer(&ids[0], 1, 1, &["hi"])).await.unwrap();
    suite.ambient.clock().advance(TimeDelta::seconds(7_201));
    for id in &ids {
        closed(&suite, id).await;
        let last = suite.messages(id).await.pop().unwrap();
        assert_eq!((words(&last), last.author.as_ref().unwrap().kind()), (WORDS, ActorKind::System));
        let conversation = suite.get(id).await;
        assert_eq!(conversation.holder.unwrap().kind(), HolderKind::Nobody);
        assert_eq!(conversation.preview, WORDS);
        assert_eq!(reasons(&suite, id).await, ["silence"]);
    }
    // Once for each; the AI's own reply had not left, and goes no more.
    let adapter = suite.adapter(1, channel);
    let mut sent = Vec::new();
    loop {
        let items = adapter.pull(100, false).await;
        if items.is_empty() {
            break;
        }
        for item in items {
            adapter.begin(&item).await.unwrap();
            let message = item.message.clone().unwrap();
            assert_eq!(words(&message), WORDS);
            adapter.sent(&item, &format!("p{}", message.id)).await.unwrap();
            sent.push(message.conversation_id);
        }
    }
    sent.sort_unstable();
    let mut expected = ids.clone();
    expected.sort_unstable();
    assert_eq!(sent, expected);
    // It answered nothing; and the customer's answer reopens as always.
    let answered = suite.get(&ids[0]).await.answered_by();
    assert_eq!(answered, ActorKind::Ai);
    let again = suite.write(channel, "again", &[whatsapp("US.0")], "here I am").await;
    assert_eq!(again.conversation_id, ids[0]);
    let conversation = suite.get(&ids[0]).await;
    assert_eq!((conversation.status(), conversation.reopen_count), (ConversationStatus::New, 1));
    assert_eq!(conversation.holder.unwrap().kind(), HolderKind::Ai);
    // So does what was sent before the close and comes late.
    let late = item_at("late", vec![whatsapp("US.1")], "wait", suite.ambient.now() - TimeDelta::hours(1));
    stored(suite.ingest(0, channel, vec![late]).await.results.remove(0));
    assert_eq!(suite.get(&ids[1]).await.status(), ConversationStatus::New);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_lets_no_last_message_out_and_the_timeline_says_so() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_line(line(hours(1))).await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    suite.ambient.clock().advance(TimeDelta::seconds(7_201));
    closed(&suite, &id).await;
    assert_eq!(suite.messages(&id).await.len(), 1);
    assert_eq!(reasons(&suite, &id).await, ["silence, without a last message: the reply window is over"]);
    assert!(suite.adapter(0, channel).pull(10, false).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_message_is_part_of_the_policy_and_fits_the_line() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let mut channels = ChannelServiceClient::new(suite.as_role(0, "admin", Role::Admin));
    let create = |close_message: String, max_text_length: i32| {
        let mut channel = line(None);
        channel.capabilities =
            Some(ChannelCapabilities { max_text_length, ..ChannelCapabilities::default() });
        channel.policy.as_mut().unwrap().close_message = close_message;
        CreateChannelRequest { request_id: suite.request_id(), channel: Some(channel) }
    };
    for (words, longest) in [("x".repeat(1_025), 0), ("x".repeat(11), 10)] {
        let answer = channels.create_channel(create(words, longest)).await;
        wrong(answer, &["channel.policy.close_message"]);
    }
    let made = channels.create_channel(create("x".repeat(10), 10)).await.unwrap().into_inner();
    let mut channel = made.channel.unwrap();
    let update = |channel: Channel| UpdateChannelRequest {
        request_id: suite.request_id(),
        channel: Some(channel),
        update_mask: Some(prost_types::FieldMask { paths: vec!["policy".to_owned()] }),
    };
    channel.policy.as_mut().unwrap().close_message = "x".repeat(11);
    wrong(channels.update_channel(update(channel.clone())).await, &["channel.policy.close_message"]);
    channel.policy.as_mut().unwrap().close_message = "bye".to_owned();
    channels.update_channel(update(channel.clone())).await.unwrap();
    let id: Uuid = channel.id.parse().unwrap();
    let request = GetChannelRequest { channel_id: id.to_string() };
    let found = channels.get_channel(request).await.unwrap().into_inner().channel.unwrap();
    assert_eq!(found.policy.unwrap().close_message, "bye");
}
