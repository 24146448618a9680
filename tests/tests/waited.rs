//! Replies say since when the customer had waited for them.

use chrono::{DateTime, TimeDelta, Utc};
use tandem_access::Role;
use tandem_proto::assignment::v1::HandOffRequest;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::{
    CloseConversationRequest, IngestMessage, SendMessageRequest, SnoozeConversationRequest,
};
use tandem_proto::r#type::v1::HandOffReason;
use tandem_tests::{Parts, Suite, agent_text, item_at, stored, text, time, whatsapp};
use uuid::Uuid;

/// Since when each message had been waited for, and whether it was a first response; after its position.
async fn waited(suite: &Suite, id: &str) -> Vec<(i64, DateTime<Utc>, bool)> {
    let messages = suite.messages(id).await.into_iter();
    messages
        .filter_map(|message| {
            let since = message.waited_since?;
            let since = DateTime::from_timestamp(since.seconds, since.nanos.cast_unsigned()).unwrap();
            Some((message.position, since, message.first_response))
        })
        .collect()
}

/// The customer writes, a minute later. Answers when.
async fn writes(suite: &Suite, channel: Uuid, name: &str) -> DateTime<Utc> {
    suite.ambient.clock().advance(TimeDelta::minutes(1));
    suite.write(channel, name, &[whatsapp("US.1")], name).await;
    suite.ambient.now()
}

async fn echo(suite: &Suite, channel: Uuid, name: &str, at: DateTime<Utc>) {
    let mut item = item_at(name, vec![whatsapp("US.1")], "", at);
    item.event = Some(Event::Echo(IngestMessage { content: Some(text(name)), ..IngestMessage::default() }));
    stored(suite.ingest(1, channel, vec![item]).await.results.remove(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reply_that_ends_the_wait_says_since_when() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let first = suite.ambient.now();
    // The customer writes on; what the AI says first answers the beginning alone, and the wait goes on.
    writes(&suite, channel, "m2").await;
    suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["one", "two"])).await.unwrap();
    suite.as_ai(1).send_message(suite.answer(&id, 1, 0, &["a moment, please"])).await.unwrap();
    suite.as_ai(0).send_message(suite.answer(&id, 1, 2, &["three"])).await.unwrap();
    let mut expected = vec![(3, first, true), (6, first, false)];
    assert_eq!(waited(&suite, &id).await, expected);
    // Nobody waits for a follow-up; a note answers nothing.
    suite.as_ai(0).send_message(suite.answer(&id, 1, 0, &["anything else?"])).await.unwrap();
    let since = writes(&suite, channel, "m8").await;
    writes(&suite, channel, "m9").await;
    let note = SendMessageRequest { private: true, ..suite.answer(&id, 0, 0, &["note"]) };
    suite.as_agent(0, 0).send_message(note).await.unwrap();
    assert_eq!(waited(&suite, &id).await, expected);
    suite.say(0, &id, &["here", "I am"]).await;
    expected.push((11, since, false));
    assert_eq!(waited(&suite, &id).await, expected);
    // From the business's own phone: a late one answers nothing that came after it.
    let since = writes(&suite, channel, "m13").await;
    echo(&suite, channel, "late", since - TimeDelta::minutes(5)).await;
    assert_eq!(waited(&suite, &id).await, expected);
    echo(&suite, channel, "now", since).await;
    expected.push((15, since, false));
    assert_eq!(waited(&suite, &id).await, expected);
    // Closing ends the wait: without a word it is no response, and the next one is a first response again.
    let close = |words: &str| CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        last_contents: words.split_whitespace().flat_map(agent_text).collect(),
        ..CloseConversationRequest::default()
    };
    writes(&suite, channel, "m16").await;
    suite.as_agent(0, 0).close_conversation(close("")).await.unwrap();
    assert_eq!(waited(&suite, &id).await, expected);
    let since = writes(&suite, channel, "m17").await;
    suite.take_over(0, &id).await.unwrap();
    suite.as_agent(1, 0).close_conversation(close("bye bye")).await.unwrap();
    expected.push((18, since, true));
    assert_eq!(waited(&suite, &id).await, expected);
    // The AI's last words with a hand-off are a response too.
    let since = writes(&suite, channel, "m20").await;
    let hand_off = HandOffRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        expected_epoch: suite.get(&id).await.epoch,
        reason: HandOffReason::Complex.into(),
        last_contents: agent_text("somebody will be with you"),
        answers_position: 20,
        ..HandOffRequest::default()
    };
    suite.assignments("ai", Role::Ai).hand_off(hand_off).await.unwrap();
    expected.push((21, since, true));
    assert_eq!(waited(&suite, &id).await, expected);
    // What was put aside while it was new is new no more.
    suite.as_admin().close_conversation(close("")).await.unwrap();
    let since = writes(&suite, channel, "m22").await;
    let snooze = SnoozeConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        until: Some(time(suite.ambient.now() + TimeDelta::hours(1))),
        ..SnoozeConversationRequest::default()
    };
    suite.as_admin().snooze_conversation(snooze).await.unwrap();
    suite.say(0, &id, &["sorry"]).await;
    expected.push((23, since, false));
    assert_eq!(waited(&suite, &id).await, expected);
}
