//! A conversation's life: closing while the customer writes, coming back, starting one; late messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_proto::conversation::v1::{
    ChannelPolicy, CloseConversationRequest, Conversation, IngestStored, ListConversationsRequest,
    ReopenConversationRequest, ReopenPolicy, StartConversationRequest,
};
use tandem_proto::r#type::v1::{ConversationFilter, ConversationStatus, HolderChangeCause, HolderKind};
use tandem_tests::{Parts, Suite, agent_text, fact, item_at, phone, reason, refused, stored, whatsapp};
use tonic::{Code, Status};
use uuid::Uuid;

const CONTACTS: usize = 20;
const ROUNDS: usize = 50;

fn policy(reopen: ReopenPolicy) -> ChannelPolicy {
    ChannelPolicy { ai_enabled: true, reopen: reopen.into(), ..ChannelPolicy::default() }
}

/// Closes as a lead does, who holds nothing.
async fn close(suite: &Suite, replica: usize, id: &str) -> Conversation {
    let request = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        ..CloseConversationRequest::default()
    };
    let mut admin = suite.conversations(replica, "admin", Role::Admin);
    admin.close_conversation(request).await.unwrap().into_inner().conversation.unwrap()
}

async fn reopen(suite: &Suite, number: usize, id: &str) -> Result<Conversation, Status> {
    let request =
        ReopenConversationRequest { request_id: suite.request_id(), conversation_id: id.to_owned() };
    let answer = suite.as_agent(0, number).reopen_conversation(request).await?;
    Ok(answer.into_inner().conversation.unwrap())
}

async fn of_contact(suite: &Suite, contact_id: &str) -> BTreeMap<String, Conversation> {
    let filter =
        ConversationFilter { contact_ids: vec![contact_id.to_owned()], ..ConversationFilter::default() };
    let request = ListConversationsRequest { filter: Some(filter), page_size: 200, ..Default::default() };
    let rows = suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows;
    rows.into_iter().filter_map(|row| row.conversation).map(|found| (found.id.clone(), found)).collect()
}

/// Twenty customers who write while somebody closes, fifty times each.
async fn race(suite: &Arc<Suite>, channel: Uuid) -> Vec<String> {
    let contacts: Vec<_> = (0..CONTACTS)
        .map(|contact| {
            let suite = suite.clone();
            tokio::spawn(async move {
                let who = [whatsapp(&format!("US.{contact}"))];
                let first = suite.write(channel, &format!("c{contact}-first"), &who, "hello").await;
                let mut current = first.conversation_id;
                for round in 0..ROUNDS {
                    let words = format!("c{contact}-{round}");
                    let item = item_at(words.clone(), who.to_vec(), words, suite.ambient.now());
                    let (response, closed) = tokio::join!(
                        suite.ingest(contact + round, channel, vec![item]),
                        close(&suite, contact + round + 1, &current),
                    );
                    assert_eq!(closed.id, current);
                    let stored: IngestStored = response.results.into_iter().map(stored).next().unwrap();
                    current = stored.conversation_id;
                }
                suite.get(&current).await.contact_id
            })
        })
        .collect();
    let mut ids = Vec::new();
    for contact in contacts {
        ids.push(contact.await.unwrap());
    }
    ids
}

/// Every message once, in a position of its own, and the epochs in their order.
async fn complete(suite: &Suite, conversations: &BTreeMap<String, Conversation>) {
    let mut texts = BTreeSet::new();
    for conversation in conversations.values() {
        let messages = suite.messages(&conversation.id).await;
        let positions: Vec<i64> = messages.iter().map(|message| message.position).collect();
        assert_eq!(positions, (1..=conversation.last_position).collect::<Vec<i64>>(), "gap-free");
        texts.extend(messages.into_iter().map(|message| format!("{:?}", message.content)));
        let changes = suite.holder_changes(&conversation.id).await;
        assert_eq!(changes.last().unwrap().1.epoch, conversation.epoch);
        let reopened =
            changes.iter().filter(|(_, change)| change.cause() == HolderChangeCause::Reopen).count();
        assert_eq!(i32::try_from(reopened).unwrap(), conversation.reopen_count);
        let closed = conversation.status() == ConversationStatus::Closed;
        assert_eq!(conversation.close_time.is_some(), closed);
        let expected = if closed { HolderKind::Nobody } else { HolderKind::Ai };
        assert_eq!(conversation.holder.as_ref().unwrap().kind(), expected);
    }
    assert_eq!(texts.len(), ROUNDS + 1, "nothing lost");
    let live = conversations.values().filter(|found| found.close_time.is_none()).count();
    assert!(live <= 1, "one live conversation");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_while_the_customer_writes_reopens_the_same_a_thousand_times() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel_with(policy(ReopenPolicy::Always)).await;
    let mut reopened = 0;
    for contact in race(&suite, channel).await {
        let conversations = of_contact(&suite, &contact).await;
        assert_eq!(conversations.len(), 1, "always the same");
        complete(&suite, &conversations).await;
        reopened += conversations.values().next().unwrap().reopen_count;
    }
    assert!(reopened > 0, "some came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_while_the_customer_writes_starts_linked_ones_a_thousand_times() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel_with(policy(ReopenPolicy::Never)).await;
    let mut all = 0;
    for contact in race(&suite, channel).await {
        let conversations = of_contact(&suite, &contact).await;
        complete(&suite, &conversations).await;
        // One chain from the first to the last, with links both ways.
        let mut at = conversations.values().find(|found| found.predecessor_id.is_empty()).unwrap();
        let mut length = 1;
        while let Some(next) = conversations.get(&at.successor_id) {
            assert_eq!(
                (next.predecessor_id.as_str(), at.status()),
                (at.id.as_str(), ConversationStatus::Closed)
            );
            (at, length) = (next, length + 1);
        }
        assert_eq!((length, at.successor_id.as_str()), (conversations.len(), ""));
        all += length;
    }
    assert!(all > CONTACTS, "some came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reopens_unless_another_conversation_is_live() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(1).await;
    let channel = suite.create_channel_with(policy(ReopenPolicy::Never)).await;
    let who = [whatsapp("US.1")];
    let one = suite.write(channel, "one", &who, "hello").await.conversation_id;
    close(&suite, 0, &one).await;
    assert_eq!(close(&suite, 1, &one).await.epoch, 2, "closing a closed one changes nothing");
    let request = suite.answer(&one, 0, 0, &["too late"]);
    refused(
        suite.as_agent(0, 0).send_message(request).await,
        Code::FailedPrecondition,
        "CONVERSATION_CLOSED",
    );
    refused(suite.take_over(0, &one).await, Code::FailedPrecondition, "CONVERSATION_CLOSED");
    let reopened = reopen(&suite, 0, &one).await.unwrap();
    assert_eq!((reopened.status(), reopened.epoch, reopened.reopen_count), (ConversationStatus::Open, 3, 1));
    assert_eq!(reopened.holder.unwrap().id, agents[0].to_string());
    assert_eq!(reopen(&suite, 0, &one).await.unwrap().epoch, 3, "reopening a live one changes nothing");
    close(&suite, 0, &one).await;
    let two = suite.write(channel, "two", &who, "hello again").await.conversation_id;
    assert_ne!(one, two);
    assert_eq!(
        (suite.get(&one).await.successor_id, suite.get(&two).await.predecessor_id),
        (two.clone(), one.clone())
    );
    let status = refused(reopen(&suite, 0, &one).await, Code::FailedPrecondition, "CONVERSATION_LIVE");
    assert_eq!(fact(&status, "conversation_id"), two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_message_reopens_nothing() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel_with(policy(ReopenPolicy::Always)).await;
    let who = [whatsapp("US.1")];
    let id = suite.write(channel, "one", &who, "hello").await.conversation_id;
    let written = suite.ambient.now();
    suite.ambient.clock().advance(TimeDelta::minutes(5));
    suite.say(0, &id, &["goodbye"]).await;
    close(&suite, 0, &id).await;
    suite.ambient.clock().advance(TimeDelta::minutes(5));
    let late = item_at("late", who.to_vec(), "written before the goodbye", written + TimeDelta::seconds(1));
    let late = stored(suite.ingest(0, channel, vec![late]).await.results.remove(0));
    assert_eq!((late.conversation_id.as_str(), late.position), (id.as_str(), 3));
    let conversation = suite.get(&id).await;
    assert_eq!((conversation.status(), conversation.waiting_since), (ConversationStatus::Closed, None));
    // Written after it, the same conversation begins anew, and the AI holds it.
    suite.write(channel, "new", &who, "one more thing").await;
    let conversation = suite.get(&id).await;
    assert_eq!((conversation.status(), conversation.last_position), (ConversationStatus::New, 4));
    assert_eq!(conversation.holder.unwrap().kind(), HolderKind::Ai);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_closes_for_silence_and_reopens_within_its_window() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let silent = ChannelPolicy {
        close_after_silence: seconds(3_600),
        reopen_window: seconds(86_400),
        ..policy(ReopenPolicy::WithinWindow)
    };
    let channel = suite.create_channel_with(silent).await;
    let who = [whatsapp("US.1")];
    let one = suite.write(channel, "one", &who, "hello").await.conversation_id;
    let closed = || async {
        tandem_tests::eventually("it closes", || async { suite.get(&one).await.close_time }).await
    };
    suite.ambient.clock().advance(TimeDelta::seconds(3_601));
    closed().await;
    suite.ambient.clock().advance(TimeDelta::hours(20));
    assert_eq!(suite.write(channel, "two", &who, "within").await.conversation_id, one);
    suite.ambient.clock().advance(TimeDelta::seconds(3_601));
    closed().await;
    suite.ambient.clock().advance(TimeDelta::hours(25));
    let two = suite.write(channel, "three", &who, "after").await.conversation_id;
    assert_eq!(suite.get(&two).await.predecessor_id, one);
}

fn start(suite: &Suite, channel: Uuid) -> StartConversationRequest {
    StartConversationRequest {
        request_id: suite.request_id(),
        channel_id: channel.to_string(),
        contents: agent_text("your parcel is here"),
        ..StartConversationRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_writes_first() {
    let suite = Arc::new(Suite::start(Parts::WITH_ASSIGNMENT).await);
    let (agents, _) = suite.agents(20).await;
    let channel = suite.create_channel_with(policy(ReopenPolicy::Always)).await;
    // Twenty to the same new person at once: one conversation.
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let mut agent = suite.as_agent(number, number);
            let request =
                StartConversationRequest { identities: vec![phone("+15550133")], ..start(&suite, channel) };
            tokio::spawn(async move { (number, agent.start_conversation(request.clone()).await, request) })
        })
        .collect();
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            (number, Ok(answer), request) => won.push((number, answer.into_inner(), request)),
            (_, Err(status), _) => lost.push(status),
        }
    }
    assert_eq!((won.len(), lost.len()), (1, 19));
    let (number, first, request) = won.remove(0);
    let one = first.conversation.clone().unwrap();
    for status in lost {
        assert_eq!(
            (reason(&status), fact(&status, "conversation_id")),
            ("CONVERSATION_LIVE".to_owned(), one.id.clone())
        );
    }
    assert_eq!((one.status(), first.messages.len()), (ConversationStatus::Open, 1));
    assert_eq!(one.holder.as_ref().unwrap().id, agents[number].to_string());
    let again = suite.as_agent(0, number).start_conversation(request).await.unwrap().into_inner();
    assert_eq!(again, first, "the first answer again");
    // The person answers in it.
    assert_eq!(suite.write(channel, "thanks", &[phone("+15550133")], "thanks").await.conversation_id, one.id);
    // By the contact: refused while it is live, linked when it is not.
    let to_contact =
        || StartConversationRequest { contact_id: one.contact_id.clone(), ..start(&suite, channel) };
    let status = suite.as_agent(1, 3).start_conversation(to_contact()).await;
    let status = refused(status, Code::FailedPrecondition, "CONVERSATION_LIVE");
    assert_eq!(fact(&status, "conversation_id"), one.id);
    close(&suite, 0, &one.id).await;
    let two = suite.as_agent(1, 3).start_conversation(to_contact()).await.unwrap().into_inner();
    let two = two.conversation.unwrap();
    assert_eq!(
        (two.predecessor_id.as_str(), two.contact_id.as_str()),
        (one.id.as_str(), one.contact_id.as_str())
    );
    assert_eq!(suite.get(&one.id).await.successor_id, two.id);
    let missing = StartConversationRequest { contact_id: suite.request_id(), ..start(&suite, channel) };
    refused(suite.as_agent(0, 0).start_conversation(missing).await, Code::NotFound, "NOT_FOUND");
}
