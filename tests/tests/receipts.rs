//! Receipts up to a point, and what comes before the acknowledgement that gives a reply its provider's id.

use chrono::{DateTime, TimeDelta, Utc};
use tandem_proto::conversation::v1::DeliveryState::{self, Delivered, Failed, Read, Sent};
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::{IngestItem, IngestReaction, IngestReceipt, IngestStored, Message};
use tandem_tests::{Adapter, Parts, Suite, item_at, stored, time, whatsapp};
use uuid::Uuid;

/// A conversation in which the AI says a few words, the first of which may leave.
struct Line {
    suite: Suite,
    channel: Uuid,
    adapter: Adapter,
    id: String,
}

impl Line {
    async fn said(words: &[&str]) -> Self {
        let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
        let channel = suite.create_channel().await;
        let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
        suite.as_ai(0).send_message(suite.answer(&id, 1, 1, words)).await.unwrap();
        let adapter = suite.adapter(0, channel);
        Self { suite, channel, adapter, id }
    }

    /// Sends the next reply under the provider's id. Answers when that began.
    async fn send(&self, provider_id: &str) -> DateTime<Utc> {
        let item = self.adapter.one().await;
        let now = self.suite.ambient.now();
        self.adapter.begin(&item).await.unwrap();
        self.adapter.sent(&item, provider_id).await.unwrap();
        self.suite.ambient.clock().advance(TimeDelta::seconds(10));
        now
    }

    async fn tell(&self, external_id: &str, receipt: IngestReceipt) -> IngestStored {
        let item = IngestItem {
            external_id: external_id.to_owned(),
            identities: if receipt.up_to_time.is_some() { vec![whatsapp("US.1")] } else { Vec::new() },
            event: Some(Event::Receipt(receipt)),
            ..IngestItem::default()
        };
        stored(self.suite.ingest(1, self.channel, vec![item]).await.results.remove(0))
    }

    /// What is shown of the replies.
    async fn shown(&self) -> Vec<DeliveryState> {
        self.suite.messages(&self.id).await.iter().skip(1).map(Message::delivery).collect()
    }
}

fn up_to(provider_id: &str, state: DeliveryState) -> IngestReceipt {
    IngestReceipt {
        provider_id: provider_id.to_owned(),
        state: state.into(),
        up_to: true,
        ..IngestReceipt::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_up_to_a_reply_counts_for_those_before() {
    let line = Line::said(&["one", "two", "three", "four"]).await;
    for id in ["p1", "p2", "p3"] {
        line.send(id).await;
    }
    let failed = IngestReceipt {
        provider_id: "p2".to_owned(),
        state: Failed.into(),
        failure: "131047: too late".to_owned(),
        ..IngestReceipt::default()
    };
    line.tell("r1", failed).await;
    let versions =
        |messages: Vec<Message>| messages.into_iter().map(|message| message.version).collect::<Vec<_>>();
    let before = versions(line.suite.messages(&line.id).await);
    let told = line.tell("r2", up_to("p3", Delivered)).await;
    assert_eq!(told.position, 4);
    assert_eq!(line.shown().await, [Delivered, Failed, Delivered, DeliveryState::Queued]);
    let after = versions(line.suite.messages(&line.id).await);
    assert!(after[1] > before[1] && after[3] > before[3], "who follows the messages sees it");
    // By our own id; what was written later is not read by it.
    line.send("p4").await;
    let messages = line.suite.messages(&line.id).await;
    let ours =
        IngestReceipt { message_id: messages[3].id.clone(), provider_id: String::new(), ..up_to("", Read) };
    line.tell("r3", ours).await;
    assert_eq!(line.shown().await, [Read, Failed, Read, Sent]);
    assert_eq!(messages[2].delivery_failure, "131047: too late");
    assert_eq!((messages[2].external_id.as_str(), messages[1].delivery_failure.as_str()), ("p2", ""));
    // Nothing goes back; and a failure that is told later is a failure all the same.
    line.tell("r4", up_to("p4", Delivered)).await;
    assert_eq!(line.shown().await, [Read, Failed, Read, Delivered]);
    let late =
        IngestReceipt { provider_id: "p1".to_owned(), state: Failed.into(), ..IngestReceipt::default() };
    line.tell("r5", late).await;
    assert_eq!(line.shown().await, [Failed, Failed, Read, Delivered]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_up_to_a_time_counts_for_what_was_sent_by_then() {
    let line = Line::said(&["one", "two", "three"]).await;
    let mut begun = Vec::new();
    for id in ["p1", "p2"] {
        begun.push(line.send(id).await);
    }
    let by = |at: DateTime<Utc>, state: DeliveryState| IngestReceipt {
        state: state.into(),
        up_to_time: Some(time(at)),
        ..IngestReceipt::default()
    };
    // Channels tell whole seconds: the second in which it began is enough.
    let second = |at: DateTime<Utc>| DateTime::from_timestamp(at.timestamp(), 0).unwrap();
    let told = line.tell("r1", by(second(begun[0]), Read)).await;
    assert_eq!((told.conversation_id.as_str(), told.message_id.as_str()), (line.id.as_str(), ""));
    assert_eq!(line.shown().await, [Read, Sent, DeliveryState::Queued]);
    line.tell("r2", by(begun[0] - TimeDelta::seconds(2), Delivered)).await;
    line.tell("r3", by(line.suite.ambient.now(), Delivered)).await;
    line.send("p3").await;
    assert_eq!(line.shown().await, [Read, Delivered, Sent], "it was not on its way then");
    // Nobody is known by it, and nobody becomes known.
    let unknown = IngestItem {
        external_id: "r4".to_owned(),
        identities: vec![whatsapp("US.nobody")],
        event: Some(Event::Receipt(by(line.suite.ambient.now(), Read))),
        ..IngestItem::default()
    };
    let told = stored(line.suite.ingest(0, line.channel, vec![unknown]).await.results.remove(0));
    assert_eq!((told.conversation_id.as_str(), told.position), ("", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_the_acknowledgement_waits_for_it() {
    let line = Line::said(&["one", "two"]).await;
    let suite = &line.suite;
    line.send("p1").await;
    let item = line.adapter.one().await;
    line.adapter.begin(&item).await.unwrap();
    // All three name the reply by an id that nobody knows yet.
    line.tell("r1", up_to("p2", Read)).await;
    let reaction = IngestReaction { target_external_id: "p2".to_owned(), emoji: "👍".to_owned() };
    let mut reacted = item_at("x1", vec![whatsapp("US.1")], "", suite.ambient.now());
    reacted.event = Some(Event::Reaction(reaction));
    let mut quoting = item_at("m2", vec![whatsapp("US.1")], "that one", suite.ambient.now());
    if let Some(Event::Message(message)) = &mut quoting.event {
        message.reply_to_external_id = "p2".to_owned();
    }
    let results = suite.ingest(1, line.channel, vec![reacted, quoting]).await.results;
    let positions: Vec<i64> = results.into_iter().map(|result| stored(result).position).collect();
    assert_eq!(positions, [0, 4]);
    assert_eq!(line.shown().await[..2], [Sent, DeliveryState::Sending]);
    assert_eq!(line.adapter.sent(&item, "p2").await.unwrap(), Read);
    let messages = suite.messages(&line.id).await;
    assert_eq!((messages[1].delivery(), messages[2].delivery()), (Read, Read));
    assert_eq!(messages[2].reactions[0].emoji, "👍");
    assert_eq!((messages[3].reply_to_position, messages[3].reply_to_external_id.as_str()), (3, ""));
    // Repeated by an adapter that did not hear the answer.
    assert_eq!(line.adapter.sent(&item, "p2").await.unwrap(), Read);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_and_the_acknowledgement_at_once_lose_nothing() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let adapter = suite.adapter(0, channel);
    for round in 0..60 {
        let who = vec![whatsapp(&format!("US.{round}"))];
        let id = suite.write(channel, &format!("m{round}"), &who, "hello").await.conversation_id;
        suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["hi"])).await.unwrap();
        let item = adapter.one().await;
        adapter.begin(&item).await.unwrap();
        let name = format!("p{round}");
        let reaction = IngestReaction { target_external_id: name.clone(), emoji: "👍".to_owned() };
        let mut reacted = item_at(format!("x{round}"), who, "", suite.ambient.now());
        reacted.event = Some(Event::Reaction(reaction));
        let (acknowledged, _) =
            tokio::join!(adapter.sent(&item, &name), suite.ingest(1, channel, vec![reacted]));
        assert_eq!(acknowledged.unwrap(), Sent);
        assert_eq!(suite.messages(&id).await[1].reactions.len(), 1, "round {round}");
    }
}
