//! Replies on their way out: in order, one at a time, under the fence, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use tandem_proto::conversation::v1::message_content::Kind;
use tandem_proto::conversation::v1::{
    Channel, ChannelCapabilities, ChannelPolicy, DeliveryState, MessageContent, OutboundItem,
    SendMessageRequest, TemplateContent,
};
use tandem_proto::r#type::v1::ChannelKind;
use tandem_tests::{Adapter, Parts, Suite, eventually, fact, refused, stored, whatsapp, wrong};
use tonic::Code;
use uuid::Uuid;

fn position(item: &OutboundItem) -> i64 {
    item.message.as_ref().unwrap().position
}

/// One line with a conversation that agent 0 holds, who said these words.
async fn said(words: &[&str]) -> (Suite, Uuid, String, Adapter) {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    suite.say(0, &id, words).await;
    let adapter = suite.adapter(0, channel);
    (suite, channel, id, adapter)
}

async fn delivery(suite: &Suite, id: &str, position: usize) -> DeliveryState {
    suite.messages(id).await[position - 1].delivery()
}

async fn becomes(suite: &Suite, id: &str, position: usize, state: DeliveryState) {
    let reached = || async { (delivery(suite, id, position).await == state).then_some(()) };
    eventually("the reply's state", reached).await;
}

async fn told(suite: &Suite, channel: Uuid, external_id: &str, of: &str, state: DeliveryState) -> String {
    let item = suite.receipt(external_id, of, state);
    stored(suite.ingest(1, channel, vec![item]).await.results.remove(0)).message_id
}

#[tokio::test(flavor = "multi_thread")]
async fn two_adapters_send_in_order_and_one_at_a_time() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    for number in 0..20 {
        let who = [whatsapp(&format!("US.{number}"))];
        let id = suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id;
        let words = suite.answer(&id, 1, 1, &["one", "two", "three", "four", "five"]);
        suite.as_ai(number).send_message(words).await.unwrap();
    }
    let (flying, sent) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(BTreeMap::new())));
    let adapters: Vec<_> = (0..2)
        .map(|replica| {
            let (adapter, flying, sent) = (suite.adapter(replica, channel), flying.clone(), sent.clone());
            tokio::spawn(async move {
                let all =
                    |sent: &BTreeMap<String, Vec<i64>>| sent.values().map(Vec::len).sum::<usize>() == 100;
                while !all(&sent.lock().unwrap()) {
                    for item in adapter.pull(7, true).await {
                        let message = item.message.clone().unwrap();
                        let alone = flying.lock().unwrap().insert(message.conversation_id.clone());
                        assert!(alone, "two replies of one conversation at once");
                        assert_eq!((item.attempts, item.recipient.len()), (0, 1));
                        adapter.begin(&item).await.unwrap();
                        let (id, position) = (message.conversation_id, message.position);
                        sent.lock().unwrap().entry(id.clone()).or_insert_with(Vec::new).push(position);
                        flying.lock().unwrap().remove(&id);
                        assert_eq!(adapter.sent(&item, &message.id).await.unwrap(), DeliveryState::Sent);
                    }
                }
            })
        })
        .collect();
    for adapter in adapters {
        adapter.await.unwrap();
    }
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 20);
    assert!(sent.values().all(|positions| *positions == [2, 3, 4, 5, 6]), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_stops_what_has_not_begun() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let adapter = suite.adapter(0, channel);
    let mut leased = Vec::new();
    for number in 0..3 {
        let who = [whatsapp(&format!("US.{number}"))];
        let id = suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id;
        suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["one", "two"])).await.unwrap();
        leased.push((id, adapter.one().await));
    }
    // Leased only; begun; begun and given back by the provider after the take-over.
    let [(only_leased, one), (begun, two), (back, three)] = &leased[..] else { panic!() };
    adapter.begin(two).await.unwrap();
    adapter.begin(three).await.unwrap();
    for (id, _) in &leased {
        suite.say(0, id, &["let me"]).await;
    }
    let status = refused(adapter.begin(one).await, Code::FailedPrecondition, "OUTBOUND_STATE");
    assert_eq!(fact(&status, "state"), "WITHDRAWN");
    assert_eq!(
        adapter.sent(two, "p2").await.unwrap(),
        DeliveryState::Sent,
        "begun is not recalled, and is shown"
    );
    assert_eq!(adapter.retry(three, 1).await.unwrap(), DeliveryState::Withdrawn);
    use DeliveryState::{Queued, Sent, Withdrawn};
    for (id, first) in [(only_leased, Withdrawn), (begun, Sent), (back, Withdrawn)] {
        let states =
            [delivery(&suite, id, 2).await, delivery(&suite, id, 3).await, delivery(&suite, id, 4).await];
        assert_eq!(states, [first, Withdrawn, Queued]);
    }
    suite.ambient.clock().advance(TimeDelta::minutes(5));
    let left = adapter.pull(100, false).await;
    assert_eq!(left.iter().map(position).collect::<Vec<_>>(), [4, 4, 4], "the person's words alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_is_offered_again_and_the_old_one_is_worth_nothing() {
    let (suite, channel, _, adapter) = said(&["one"]).await;
    let other = suite.adapter(1, channel);
    let lost = adapter.one().await;
    assert!(other.pull(10, false).await.is_empty(), "leased");
    suite.ambient.clock().advance(TimeDelta::seconds(61));
    refused(adapter.begin(&lost).await, Code::FailedPrecondition, "LEASE_LOST");
    let held = other.one().await;
    assert_eq!(held.message.as_ref().unwrap().id, lost.message.as_ref().unwrap().id);
    refused(adapter.begin(&lost).await, Code::FailedPrecondition, "LEASE_LOST");
    let begun = other.begin(&held).await.unwrap();
    assert_eq!(other.begin(&held).await.unwrap(), begun, "the same answer");
    refused(adapter.begin(&lost).await, Code::FailedPrecondition, "LEASE_LOST");
    refused(adapter.failed(&lost).await, Code::FailedPrecondition, "LEASE_LOST");
    assert_eq!(other.sent(&held, "p1").await.unwrap(), DeliveryState::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_without_a_word_is_unknown_and_blocks_until_it_is_settled() {
    let (suite, channel, id, adapter) = said(&["one", "two", "three"]).await;
    // Nothing is heard of the first.
    let first = adapter.one().await;
    adapter.begin(&first).await.unwrap();
    suite.ambient.clock().advance(TimeDelta::seconds(61));
    becomes(&suite, &id, 2, DeliveryState::Unknown).await;
    assert!(adapter.pull(10, false).await.is_empty(), "not sent again, and nothing behind it");
    // The provider's callback carries our id.
    let ours = first.message.as_ref().unwrap().id.clone();
    assert_eq!(told(&suite, channel, "r1", &ours, DeliveryState::Delivered).await, ours);
    assert_eq!(delivery(&suite, &id, 2).await, DeliveryState::Delivered);
    // Nothing is ever heard of the second: it is shown as such, and no longer holds up the third.
    let second = adapter.one().await;
    assert_eq!(position(&second), 3);
    adapter.begin(&second).await.unwrap();
    suite.ambient.clock().advance(TimeDelta::seconds(61));
    becomes(&suite, &id, 3, DeliveryState::Unknown).await;
    suite.ambient.clock().advance(TimeDelta::minutes(11));
    let third = eventually("the wait is over", || async { adapter.pull(10, false).await.pop() }).await;
    assert_eq!((position(&third), delivery(&suite, &id, 3).await), (4, DeliveryState::Unknown));
    // A late word still settles it.
    assert_eq!(adapter.sent(&second, "p2").await.unwrap(), DeliveryState::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_before_the_acknowledgement_count_and_states_only_move_forward() {
    let (suite, channel, id, adapter) = said(&["one", "two", "three"]).await;
    let item = adapter.one().await;
    adapter.begin(&item).await.unwrap();
    assert_eq!(
        told(&suite, channel, "r1", "p1", DeliveryState::Delivered).await,
        "",
        "no reply has this id yet"
    );
    assert_eq!(adapter.sent(&item, "p1").await.unwrap(), DeliveryState::Delivered);
    let ours = item.message.unwrap().id;
    for (receipt, state, expected) in [
        ("r2", DeliveryState::Failed, DeliveryState::Delivered),
        ("r3", DeliveryState::Read, DeliveryState::Read),
        ("r4", DeliveryState::Delivered, DeliveryState::Read),
    ] {
        assert_eq!(told(&suite, channel, receipt, "p1", state).await, ours);
        assert_eq!(delivery(&suite, &id, 2).await, expected);
    }
    // By our own id before the acknowledgement; the provider's id is noted with it all the same.
    let item = adapter.one().await;
    adapter.begin(&item).await.unwrap();
    let ours = item.message.as_ref().unwrap().id.clone();
    told(&suite, channel, "r5", &ours, DeliveryState::Failed).await;
    assert_eq!(adapter.sent(&item, "p2").await.unwrap(), DeliveryState::Failed);
    assert_eq!(told(&suite, channel, "r6", "p2", DeliveryState::Delivered).await, ours);
    assert_eq!(delivery(&suite, &id, 3).await, DeliveryState::Delivered, "a late delivered beats failed");
    // Another channel's adapter tells nothing of this reply.
    let item = adapter.one().await;
    adapter.begin(&item).await.unwrap();
    let other = suite.create_channel().await;
    assert_eq!(told(&suite, other, "r7", &item.message.unwrap().id, DeliveryState::Read).await, "");
    assert_eq!(delivery(&suite, &id, 4).await, DeliveryState::Sending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_and_its_acknowledgement_at_once_lose_nothing() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let adapter = suite.adapter(0, channel);
    for number in 0..100 {
        let who = [whatsapp(&format!("US.{number}"))];
        let id = suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id;
        suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["hi"])).await.unwrap();
        let item = adapter.one().await;
        adapter.begin(&item).await.unwrap();
        let (provider_id, receipt) = (format!("p{number}"), format!("r{number}"));
        let (acknowledged, _) = tokio::join!(
            adapter.sent(&item, &provider_id),
            told(&suite, channel, &receipt, &provider_id, DeliveryState::Read),
        );
        acknowledged.unwrap();
        assert_eq!(delivery(&suite, &id, 2).await, DeliveryState::Read, "round {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_its_time_and_holds_up_what_follows() {
    let (suite, _, id, adapter) = said(&["one", "two"]).await;
    let item = adapter.one().await;
    refused(adapter.sent(&item, "p1").await, Code::FailedPrecondition, "OUTBOUND_STATE");
    adapter.begin(&item).await.unwrap();
    for _ in 0..2 {
        assert_eq!(adapter.retry(&item, 30).await.unwrap(), DeliveryState::Queued);
    }
    assert!(adapter.pull(10, false).await.is_empty());
    suite.ambient.clock().advance(TimeDelta::seconds(31));
    let again = adapter.one().await;
    assert_eq!((position(&again), again.attempts), (2, 1));
    adapter.begin(&again).await.unwrap();
    // What was said may be said again, and nothing else.
    for _ in 0..2 {
        assert_eq!(adapter.sent(&again, "").await.unwrap(), DeliveryState::Sent);
        assert_eq!(adapter.sent(&again, "p1").await.unwrap(), DeliveryState::Sent);
    }
    refused(adapter.sent(&again, "p9").await, Code::FailedPrecondition, "OUTBOUND_STATE");
    refused(adapter.failed(&again).await, Code::FailedPrecondition, "OUTBOUND_STATE");
    let second = adapter.one().await;
    adapter.begin(&second).await.unwrap();
    wrong(adapter.sent(&second, "p1").await, &["sent.provider_id"]);
    for _ in 0..2 {
        assert_eq!(adapter.failed(&second).await.unwrap(), DeliveryState::Failed);
    }
    assert_eq!(delivery(&suite, &id, 3).await, DeliveryState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_reply_window_only_templates_leave() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let line = |templates| Channel {
        kind: ChannelKind::Whatsapp.into(),
        display_name: "line".to_owned(),
        capabilities: Some(ChannelCapabilities {
            reply_window: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
            templates,
            ..ChannelCapabilities::default()
        }),
        policy: Some(ChannelPolicy::default()),
        ..Channel::default()
    };
    let channel = suite.create_line(line(true)).await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    suite.say(0, &id, &["I will be back"]).await;
    let template = TemplateContent {
        name: "back".to_owned(),
        text: "We are back".to_owned(),
        ..TemplateContent::default()
    };
    let send = |id: &str| SendMessageRequest {
        contents: vec![MessageContent { kind: Some(Kind::Template(template.clone())) }],
        take_over: true,
        ..suite.answer(id, 0, 0, &[])
    };
    suite.as_agent(0, 0).send_message(send(&id)).await.unwrap();
    let window = suite.ambient.now() + TimeDelta::days(1);
    suite.ambient.clock().advance(TimeDelta::hours(25));
    let adapter = suite.adapter(0, channel);
    let text = adapter.one().await;
    assert_eq!(text.window_until.unwrap().seconds, window.timestamp());
    refused(adapter.begin(&text).await, Code::FailedPrecondition, "REPLY_WINDOW_CLOSED");
    assert_eq!(delivery(&suite, &id, 2).await, DeliveryState::Failed, "for good");
    let template = adapter.one().await;
    adapter.begin(&template).await.unwrap();
    let late = suite.as_agent(0, 0).send_message(suite.answer(&id, 0, 0, &["too late"])).await;
    let status = refused(late, Code::FailedPrecondition, "REPLY_WINDOW_CLOSED");
    assert!(!fact(&status, "closed_at").is_empty());
    suite.as_agent(0, 0).send_message(send(&id)).await.unwrap();
    let plain = suite.create_line(line(false)).await;
    let id = suite.write(plain, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    refused(
        suite.as_agent(0, 0).send_message(send(&id)).await,
        Code::FailedPrecondition,
        "CAPABILITY_MISSING",
    );
}
