//! Snoozing: a conversation is put aside and wakes once, by its time, the customer, a reply, or somebody's hand.

use chrono::{DateTime, TimeDelta, Utc};
use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::{ClientConfig, Drain, Secret, internal_channel};
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    ChannelPolicy, CloseConversationRequest, Conversation, GetConversationRequest, SetPriorityRequest,
    SnoozeConversationRequest, StatusChanged, WakeConversationRequest,
};
use tandem_proto::r#type::v1::{ActorKind, ConversationFilter, ConversationStatus, Priority, TimeRange};
use tandem_tests::{
    Databases, Parts, Suite, eventually, free, item_at, refused, stored, time, whatsapp, wrong,
};
use tonic::{Code, Status};

fn request(suite: &Suite, id: &str, until: DateTime<Utc>, note: &str) -> SnoozeConversationRequest {
    SnoozeConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        until: Some(time(until)),
        note: note.to_owned(),
    }
}

/// As a lead, who holds nothing.
async fn snooze(suite: &Suite, id: &str, hours: i64, note: &str) -> Result<Conversation, Status> {
    let until = suite.ambient.now() + TimeDelta::hours(hours);
    let answer = suite.as_admin().snooze_conversation(request(suite, id, until, note)).await?;
    Ok(answer.into_inner().conversation.unwrap())
}

/// The changes of status in a timeline, with who made them.
async fn changes(suite: &Suite, id: &str) -> Vec<(ActorKind, StatusChanged)> {
    let entries = suite.timeline(id).await.into_iter();
    entries
        .filter_map(|entry| match entry.event {
            Some(Event::StatusChanged(change)) => Some((entry.actor.unwrap().kind(), change)),
            _ => None,
        })
        .collect()
}

async fn awake(suite: &Suite, id: &str) -> Conversation {
    eventually("it wakes", || async {
        let found = suite.get(id).await;
        (found.status() == ConversationStatus::Open).then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_tick_and_each_wakes_once() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let items = (0..250)
        .map(|n| item_at(format!("m{n}"), vec![whatsapp(&format!("US.{n}"))], "hello", suite.ambient.now()))
        .collect();
    let ids: Vec<String> = suite
        .ingest(0, channel, items)
        .await
        .results
        .into_iter()
        .map(|result| stored(result).conversation_id)
        .collect();
    for id in &ids {
        let snoozed = snooze(&suite, id, 2, "").await.unwrap();
        assert_eq!(snoozed.status(), ConversationStatus::Snoozed);
    }
    suite.ambient.clock().advance(TimeDelta::minutes(119));
    assert_eq!(suite.get(&ids[0]).await.status(), ConversationStatus::Snoozed);
    suite.ambient.clock().advance(TimeDelta::minutes(1));
    for id in &ids {
        let woken = awake(&suite, id).await;
        assert_eq!(woken.snoozed_until, None);
        let changes = changes(&suite, id).await;
        assert_eq!(changes.len(), 2, "{changes:?}");
        let (actor, wake) = &changes[1];
        assert_eq!(
            (*actor, wake.from(), wake.to()),
            (ActorKind::System, ConversationStatus::Snoozed, ConversationStatus::Open)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customer_a_reply_and_a_hand_wake() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let who = [whatsapp(&format!("US.{n}"))];
        ids.push(suite.write(channel, &format!("m{n}"), &who, "hello").await.conversation_id);
        let snoozed = snooze(&suite, &ids[n], 24, "call back").await.unwrap();
        assert_eq!(snoozed.snoozed_until, Some(time(suite.ambient.now() + TimeDelta::hours(24))));
        assert_eq!(snoozed.due_time, None, "what is put aside is not overdue");
    }
    let (_, first) = changes(&suite, &ids[0]).await.remove(0);
    assert_eq!((first.to(), first.note.as_str()), (ConversationStatus::Snoozed, "call back"));
    assert_eq!(first.snoozed_until, Some(time(suite.ambient.now() + TimeDelta::hours(24))));

    suite.write(channel, "again", &[whatsapp("US.0")], "me again").await;
    let woken = suite.get(&ids[0]).await;
    assert_eq!((woken.status(), woken.snoozed_until), (ConversationStatus::Open, None));
    assert!(woken.waiting_since.is_some() && woken.due_time.is_some());
    let (actor, change) = changes(&suite, &ids[0]).await.pop().unwrap();
    assert_eq!((actor, change.to()), (ActorKind::Customer, ConversationStatus::Open));

    suite.say(0, &ids[1], &["here I am"]).await;
    let woken = suite.get(&ids[1]).await;
    assert_eq!((woken.status(), woken.snoozed_until), (ConversationStatus::Open, None));

    let wake = WakeConversationRequest { request_id: suite.request_id(), conversation_id: ids[2].clone() };
    let answer = suite.as_agent(1, 0).wake_conversation(wake.clone()).await.unwrap().into_inner();
    assert_eq!(answer.conversation.as_ref().unwrap().status(), ConversationStatus::Open);
    assert!(!answer.change_token.is_empty());
    assert_eq!(suite.as_agent(0, 0).wake_conversation(wake.clone()).await.unwrap().into_inner(), answer);
    let again = WakeConversationRequest { request_id: suite.request_id(), ..wake };
    let again = suite.as_agent(1, 0).wake_conversation(again).await.unwrap().into_inner();
    assert_eq!(
        (again.conversation, again.change_token),
        (answer.conversation, String::new()),
        "nothing to do"
    );

    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: ids[3].clone(),
        ..CloseConversationRequest::default()
    };
    let closed = suite.as_admin().close_conversation(close).await.unwrap().into_inner().conversation.unwrap();
    assert_eq!((closed.status(), closed.snoozed_until), (ConversationStatus::Closed, None));
    // Their time comes, and nothing happens any more.
    suite.ambient.clock().advance(TimeDelta::hours(25));
    let marker = suite.write(channel, "marker", &[whatsapp("US.9")], "hello").await.conversation_id;
    snooze(&suite, &marker, 1, "").await.unwrap();
    suite.ambient.clock().advance(TimeDelta::hours(1));
    awake(&suite, &marker).await;
    for (id, count) in [(&ids[0], 2), (&ids[1], 2), (&ids[2], 2), (&ids[3], 2)] {
        assert_eq!(changes(&suite, id).await.len(), count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snooze_moves_and_is_listed() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    snooze(&suite, &id, 1, "").await.unwrap();
    let until = suite.ambient.now() + TimeDelta::hours(3);
    let moved = snooze(&suite, &id, 3, "later").await.unwrap();
    assert_eq!(moved.snoozed_until, Some(time(until)));
    let range = TimeRange {
        from: Some(time(until)),
        until: Some(time(until + TimeDelta::seconds(1))),
        ..TimeRange::default()
    };
    let filter = ConversationFilter {
        statuses: vec![ConversationStatus::Snoozed.into()],
        snoozed_until: Some(range),
        ..ConversationFilter::default()
    };
    let list = tandem_proto::conversation::v1::ListConversationsRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let rows = suite.as_admin().list_conversations(list).await.unwrap().into_inner().rows;
    assert_eq!(rows.len(), 1);
    let marker = suite.write(channel, "m2", &[whatsapp("US.2")], "hello").await.conversation_id;
    snooze(&suite, &marker, 2, "").await.unwrap();
    suite.ambient.clock().advance(TimeDelta::hours(2));
    awake(&suite, &marker).await;
    assert_eq!(suite.get(&id).await.status(), ConversationStatus::Snoozed, "its first time is forgotten");
    suite.ambient.clock().advance(TimeDelta::hours(1));
    awake(&suite, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_snoozed_is_refused() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    wrong(snooze(&suite, &id, 0, "").await, &["until"]);
    wrong(snooze(&suite, &id, -1, "").await, &["until"]);
    wrong(snooze(&suite, &id, 24 * 367, "").await, &["until"]);
    suite.take_over(0, &id).await.unwrap();
    let until = suite.ambient.now() + TimeDelta::hours(1);
    let other = suite.as_agent(1, 1).snooze_conversation(request(&suite, &id, until, "")).await;
    let status = refused(other, Code::Aborted, "HELD_BY_OTHER");
    assert_eq!(tandem_tests::fact(&status, "holder_name"), "Agent 0");
    let own = request(&suite, &id, until, "mine");
    let first = suite.as_agent(1, 0).snooze_conversation(own.clone()).await.unwrap().into_inner();
    let conversation = first.conversation.clone().unwrap();
    assert_eq!(conversation.holder.unwrap().name, "Agent 0", "it keeps its holder");
    // The same call still gets its answer when the time is past.
    suite.ambient.clock().advance(TimeDelta::hours(2));
    let woken = awake(&suite, &id).await;
    let again = suite.as_agent(0, 0).snooze_conversation(own.clone()).await.unwrap().into_inner();
    assert_eq!((again.conversation.unwrap(), again.change_token), (woken, first.change_token));
    let reused = SnoozeConversationRequest { note: "another".to_owned(), ..own };
    let reused = suite.as_agent(0, 0).snooze_conversation(reused).await;
    refused(reused, Code::InvalidArgument, "REQUEST_ID_REUSED");
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    refused(snooze(&suite, &id, 1, "").await, Code::FailedPrecondition, "CONVERSATION_CLOSED");
    refused(snooze(&suite, &suite.request_id(), 1, "").await, Code::NotFound, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_closes_nothing_that_is_snoozed() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let policy = ChannelPolicy {
        ai_enabled: true,
        ai_answer_time: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        close_after_silence: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..ChannelPolicy::default()
    };
    let channel = suite.create_channel_with(policy).await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let other = suite.write(channel, "m2", &[whatsapp("US.2")], "hello").await.conversation_id;
    snooze(&suite, &id, 24, "").await.unwrap();
    suite.ambient.clock().advance(TimeDelta::hours(2));
    eventually("the other closes", || async { suite.get(&other).await.close_time }).await;
    let snoozed = suite.get(&id).await;
    assert_eq!((snoozed.status(), snoozed.epoch), (ConversationStatus::Snoozed, 1), "nor is the AI silent");
    suite.ambient.clock().advance(TimeDelta::hours(22));
    // Awake, it has its time to answer behind it.
    eventually("people have it", || async { (suite.get(&id).await.epoch == 2).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_no_timer() {
    let mut before = Suite::start(Parts::CONVERSATION).await;
    let channel = before.create_channel().await;
    let id = before.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    snooze(&before, &id, 24, "").await.unwrap();
    let (url, tenant) = (before.conversation_url.clone(), before.tenant);
    let _databases = std::mem::replace(&mut before.databases, Databases::server());
    before.stop().await;
    // Another process, two days later.
    let after = Suite::start(Parts::CONVERSATION).await;
    after.ambient.clock().advance(TimeDelta::days(2));
    let listen = free();
    let config = tandem_conversation::Config {
        common: after.common(listen, &url),
        conversation: tandem_conversation::Settings { tick_ms: 100 },
    };
    let drain = Drain::manual();
    let running = tandem_conversation::start(config, after.ambient.clone(), drain.clone()).await.unwrap();
    let token = after.mint(&TokenSpec { tenant: Some(tenant), ..after.spec("admin", Role::Admin) });
    let endpoint = format!("http://{listen}");
    let client = ClientConfig { endpoint, token: Secret::new(token), ..ClientConfig::default() };
    let client = ConversationServiceClient::new(internal_channel(&client).unwrap());
    eventually("it wakes", || {
        let mut client = client.clone();
        let request = GetConversationRequest { conversation_id: id.clone(), at_least_as_fresh: Vec::new() };
        async move {
            let row = client.get_conversation(request).await.ok()?.into_inner().row?;
            (row.conversation?.status() == ConversationStatus::Open).then_some(())
        }
    })
    .await;
    drain.begin();
    running.served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn priorities_change_with_an_entry() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let set = |priority: Priority| SetPriorityRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        priority: priority.into(),
    };
    let urgent = set(Priority::Urgent);
    let first = suite.as_agent(0, 0).set_priority(urgent.clone()).await.unwrap().into_inner();
    assert_eq!(first.conversation.as_ref().unwrap().priority(), Priority::Urgent);
    assert_eq!(suite.as_agent(1, 0).set_priority(urgent).await.unwrap().into_inner(), first);
    let same = suite.as_ai(0).set_priority(set(Priority::Urgent)).await.unwrap().into_inner();
    assert_eq!((same.conversation, same.change_token), (first.conversation, String::new()));
    suite.as_admin().set_priority(set(Priority::Low)).await.unwrap();
    let changed: Vec<_> = suite
        .timeline(&id)
        .await
        .into_iter()
        .filter_map(|entry| match entry.event {
            Some(Event::PriorityChanged(change)) => {
                Some((entry.actor.unwrap().kind(), change.from(), change.to()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        changed,
        [
            (ActorKind::Agent, Priority::Normal, Priority::Urgent),
            (ActorKind::System, Priority::Urgent, Priority::Low)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_unread_again() {
    use tandem_proto::conversation::v1::{MarkReadRequest, MarkUnreadRequest};
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let unread = |number: usize| {
        let mut agent = suite.as_agent(0, number);
        let id = id.clone();
        async move {
            let request = GetConversationRequest { conversation_id: id, at_least_as_fresh: Vec::new() };
            agent.get_conversation(request).await.unwrap().into_inner().row.unwrap().unread
        }
    };
    let read = MarkReadRequest { conversation_id: id.clone(), up_to_position: 0 };
    let again = MarkUnreadRequest { conversation_id: id.clone() };
    for number in 0..2 {
        suite.as_agent(1, number).mark_read(read.clone()).await.unwrap();
        assert!(!unread(number).await);
    }
    assert!(suite.as_agent(1, 0).mark_unread(again.clone()).await.unwrap().into_inner().unread);
    assert!(unread(0).await && !unread(1).await, "each agent's own");
    suite.as_agent(0, 0).mark_read(read).await.unwrap();
    assert!(!unread(0).await);
    let nobody = suite.conversations(0, "stranger", Role::Supervisor).mark_unread(again).await;
    refused(nobody, Code::FailedPrecondition, "AGENT_INACTIVE");
}
