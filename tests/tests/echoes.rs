//! Replies typed on the business's own device: they count as a take-over, and come late like everything else.

use chrono::{DateTime, TimeDelta, Utc};
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::{
    Channel, ChannelPolicy, CloseConversationRequest, DeliveryState, IngestMessage, IngestStored,
};
use tandem_proto::r#type::v1::{ActorKind, ChannelKind, ConversationStatus, HolderKind, Identity};
use tandem_tests::{Parts, Suite, item_at, stored, text, whatsapp};
use uuid::Uuid;

fn who() -> Vec<Identity> {
    vec![whatsapp("US.1")]
}

async fn write(suite: &Suite, channel: Uuid, name: &str, at: DateTime<Utc>) -> IngestStored {
    let item = item_at(name, who(), name, at);
    stored(suite.ingest(0, channel, vec![item]).await.results.remove(0))
}

async fn echo(suite: &Suite, channel: Uuid, name: &str, at: DateTime<Utc>) -> IngestStored {
    let mut item = item_at(name, who(), "", at);
    item.event = Some(Event::Echo(IngestMessage { content: Some(text(name)), ..IngestMessage::default() }));
    stored(suite.ingest(1, channel, vec![item]).await.results.remove(0))
}

async fn close(suite: &Suite, conversation_id: &str) {
    let request = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: conversation_id.to_owned(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_takes_over_from_the_ai_and_from_nobody() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(1).await;
    let policy = |ai_enabled| ChannelPolicy {
        ai_enabled,
        default_team_id: team.to_string(),
        ..ChannelPolicy::default()
    };
    let line = |policy| Channel {
        kind: ChannelKind::Whatsapp.into(),
        display_name: "line".to_owned(),
        policy: Some(policy),
        ..Channel::default()
    };
    for ai_enabled in [true, false] {
        let channel = suite.create_line(line(policy(ai_enabled))).await;
        let now = suite.ambient.now();
        let id = write(&suite, channel, "m1", now).await.conversation_id;
        if ai_enabled {
            suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["one", "two"])).await.unwrap();
        }
        let echoed = echo(&suite, channel, "x1", now + TimeDelta::seconds(1)).await;
        assert_eq!(echoed.conversation_id, id);
        let conversation = suite.get(&id).await;
        assert_eq!(conversation.holder.unwrap().id, team.to_string());
        // Where no AI answers it was the team's from the beginning.
        let epoch = if ai_enabled { 2 } else { 1 };
        assert_eq!((conversation.epoch, conversation.waiting_since), (epoch, None));
        let messages = suite.messages(&id).await;
        let message = messages.last().unwrap();
        assert_eq!((message.author.as_ref().unwrap().kind(), message.delivery), (ActorKind::Business, 0));
        let withdrawn = messages.iter().filter(|m| m.delivery() == DeliveryState::Withdrawn).count();
        assert_eq!(withdrawn, if ai_enabled { 2 } else { 0 });
        // The same echo again, and one more: the team has it already.
        assert!(echo(&suite, channel, "x1", now + TimeDelta::seconds(1)).await.replayed);
        echo(&suite, channel, "x2", now + TimeDelta::seconds(2)).await;
        assert_eq!(suite.get(&id).await.epoch, epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_comes_late_answers_and_opens_nothing() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let start = suite.ambient.now() - TimeDelta::hours(1);
    let id = write(&suite, channel, "m1", start).await.conversation_id;
    write(&suite, channel, "m2", start + TimeDelta::minutes(2)).await;
    // Typed between the two: the second still waits for its answer.
    echo(&suite, channel, "x1", start + TimeDelta::minutes(1)).await;
    let conversation = suite.get(&id).await;
    assert_eq!((conversation.answered_position, conversation.waiting_since.is_some()), (0, true));
    assert_eq!(conversation.holder.unwrap().kind(), HolderKind::Nobody, "a person is at it all the same");
    echo(&suite, channel, "x2", start + TimeDelta::minutes(3)).await;
    let conversation = suite.get(&id).await;
    assert_eq!((conversation.answered_position, conversation.waiting_since), (2, None));
    close(&suite, &id).await;
    let late = echo(&suite, channel, "x3", start + TimeDelta::minutes(4)).await;
    assert_eq!((late.conversation_id.as_str(), late.position), (id.as_str(), 5));
    assert_eq!(suite.get(&id).await.status(), ConversationStatus::Closed);
    // Typed after the close: a thread of its own that goes on from it, or where there was none a first one.
    suite.ambient.clock().advance(TimeDelta::minutes(1));
    let next = echo(&suite, channel, "x4", suite.ambient.now()).await;
    assert_ne!(next.conversation_id, id);
    let conversation = suite.get(&next.conversation_id).await;
    assert_eq!((conversation.predecessor_id, conversation.status), (id, ConversationStatus::Open as i32));
}
