//! Live lists and threads: what a stream tells adds up to what the list says, over reconnects to another process, days that
//! begin and scopes that change.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use tandem_access::{Role, TokenSpec};
use tandem_proto::conversation::v1::watch_conversations_response::Event;
use tandem_proto::conversation::v1::watch_service_client::WatchServiceClient;
use tandem_proto::conversation::v1::{
    CloseConversationRequest, ListConversationsRequest, MarkReadRequest, WatchConversationsRequest,
    WatchedThread,
};
use tandem_proto::customer::v1::UpdateTagsRequest;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::r#type::v1::{ConversationFilter, ConversationStatus, RelativeRange, TagFilter, TimeRange};
use tandem_tests::{
    Databases, Kind, Parts, Screen, Suite, eventually, item_at, refused, watched_list, whatsapp,
};
use tonic::Code;

fn new() -> ConversationFilter {
    ConversationFilter { statuses: vec![ConversationStatus::New.into()], ..ConversationFilter::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_follows_its_own_filter() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let write =
        async |n: &str| suite.write(channel, &format!("m{n}"), &[whatsapp(n)], "hello").await.conversation_id;
    let (one, two) = (write("US.1").await, write("US.2").await);
    let mut screen = Screen::open(suite.as_role(0, "agent-0", Role::Agent), watched_list(new())).await;
    screen.until("the snapshot", |screen| screen.snapshots == 1).await;
    assert_eq!((screen.ids(), screen.more.as_str()), (BTreeSet::from([one.clone(), two.clone()]), ""));
    assert!(screen.rows[&one].unread && !screen.resume_token.is_empty());
    // Another process writes, and answers.
    let three = write("US.3").await;
    screen.until("a new row", |screen| screen.rows.contains_key(&three)).await;
    suite.as_ai(1).send_message(suite.answer(&one, 1, 1, &["hi"])).await.unwrap();
    screen.until("an answered row leaves", |screen| !screen.rows.contains_key(&one)).await;
    // Reading is a change, though nobody wrote.
    let read = MarkReadRequest { conversation_id: two.clone(), up_to_position: 0 };
    suite.as_agent(1, 0).mark_read(read).await.unwrap();
    screen.until("the row is read", |screen| !screen.rows[&two].unread).await;
    // Nothing that happens while nobody listens is lost, and another process goes on.
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: two.clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    let four = write("US.4").await;
    screen.reopen(suite.as_role(1, "agent-0", Role::Agent), watched_list(new())).await;
    let now = BTreeSet::from([three, four]);
    screen.until("what happened meanwhile", |screen| screen.ids() == now).await;
    assert_eq!((screen.snapshots, screen.resets), (1, 0), "no second snapshot");
    // A token is of one question and one caller.
    let mut other = watched_list(ConversationFilter::default());
    other.resume_token.clone_from(&screen.resume_token);
    let channel = suite.as_role(1, "agent-0", Role::Agent);
    let answer = WatchServiceClient::new(channel).watch_conversations(other).await;
    refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_adds_up_to_the_list_whatever_happens() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let filter = ConversationFilter { waiting: Some(true), ..ConversationFilter::default() };
    let mut screen = Screen::open(suite.as_role(0, "admin", Role::Admin), watched_list(filter.clone())).await;
    screen.until("the snapshot", |screen| screen.snapshots == 1).await;
    for round in 0..8 {
        // Customers write through one process while the AI answers through the other.
        let items = (0..40)
            .filter(|n| (n * 7 + round) % 3 > 0)
            .map(|n| {
                let who = vec![whatsapp(&format!("US.{n}"))];
                item_at(format!("m{round}.{n}"), who, "hello", suite.ambient.now())
            })
            .collect();
        suite.ingest(round % 2, channel, items).await;
        let request = ListConversationsRequest { page_size: 200, ..ListConversationsRequest::default() };
        let all = suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows;
        for (n, row) in all.iter().enumerate().filter(|(n, _)| (n + round) % 2 == 0) {
            let conversation = row.conversation.as_ref().unwrap();
            if conversation.waiting_since.is_some() {
                let answer = suite.answer(
                    &conversation.id,
                    conversation.epoch,
                    conversation.last_customer_position,
                    &["hi"],
                );
                suite.as_ai(n % 2).send_message(answer).await.unwrap();
            }
        }
        if round % 3 == 2 {
            screen.reopen(suite.as_role(round % 2, "admin", Role::Admin), watched_list(filter.clone())).await;
        }
    }
    let request = ListConversationsRequest {
        filter: Some(filter),
        page_size: 200,
        ..ListConversationsRequest::default()
    };
    let rows = suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows;
    let expected: BTreeMap<String, i64> = rows
        .into_iter()
        .map(|row| row.conversation.unwrap())
        .map(|conversation| (conversation.id, conversation.version))
        .collect();
    assert!(!expected.is_empty());
    screen
        .until("the stream has caught up", |screen| {
            let shown = screen.rows.iter().map(|(id, row)| (id, row.conversation.as_ref().unwrap().version));
            shown.eq(expected.iter().map(|(id, version)| (id, *version)))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_thread_shows_everything_in_order() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "one").await.conversation_id;
    suite.write(channel, "m2", &[whatsapp("US.1")], "two").await;
    let thread = WatchedThread { key: "thread".to_owned(), conversation_id: id.clone(), after_position: 1 };
    let request = WatchConversationsRequest { threads: vec![thread], ..WatchConversationsRequest::default() };
    let mut screen = Screen::open(suite.as_role(0, "agent-0", Role::Agent), request.clone()).await;
    screen.until("the snapshot", |screen| screen.snapshots == 1).await;
    assert_eq!(screen.messages.keys().copied().collect::<Vec<_>>(), [2]);
    suite.as_ai(1).send_message(suite.answer(&id, 1, 2, &["hi"])).await.unwrap();
    screen.until("the answer", |screen| screen.messages.contains_key(&3)).await;
    let item = suite.adapter(1, channel).one().await;
    suite.adapter(1, channel).begin(&item).await.unwrap();
    suite.adapter(1, channel).sent(&item, "p1").await.unwrap();
    let sent = tandem_proto::conversation::v1::DeliveryState::Sent;
    screen.until("it was sent", |screen| screen.messages[&3].delivery() == sent).await;
    suite.take_over(0, &id).await.unwrap();
    screen.until("the take-over", |screen| !screen.entries.is_empty()).await;
    suite.write(channel, "m3", &[whatsapp("US.1")], "three").await;
    screen.reopen(suite.as_role(1, "agent-0", Role::Agent), request).await;
    screen.until("what came meanwhile", |screen| screen.messages.contains_key(&4)).await;
    // Who cannot see it is told nothing.
    let missing =
        WatchedThread { key: "t".to_owned(), conversation_id: suite.request_id(), after_position: 0 };
    let request =
        WatchConversationsRequest { threads: vec![missing], ..WatchConversationsRequest::default() };
    let channel = suite.as_role(0, "agent-0", Role::Agent);
    refused(WatchServiceClient::new(channel).watch_conversations(request).await, Code::NotFound, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_without_a_write_is_told_too() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let due = "UPDATE conversation SET due_at = last_activity_at + interval '1 hour'";
    Databases::execute_on(&suite.conversation_url, due).await;
    let overdue = ConversationFilter { overdue: Some(true), ..ConversationFilter::default() };
    let mut late = Screen::open(suite.as_role(0, "admin", Role::Admin), watched_list(overdue)).await;
    let today = TimeRange { relative: RelativeRange::Today.into(), ..TimeRange::default() };
    let today = ConversationFilter { last_activity: Some(today), ..ConversationFilter::default() };
    let mut day = Screen::open(suite.as_role(0, "admin", Role::Admin), watched_list(today)).await;
    for screen in [&mut late, &mut day] {
        screen.until("the snapshot", |screen| screen.snapshots == 1).await;
    }
    assert_eq!((late.rows.len(), day.rows.len()), (0, 1));
    suite.ambient.clock().advance(TimeDelta::hours(1));
    late.until("the answer is overdue", |screen| screen.rows.contains_key(&id)).await;
    suite.ambient.clock().advance(TimeDelta::hours(24));
    day.until("a day began", |screen| screen.resets >= 1 && screen.snapshots >= 2).await;
    assert_eq!(day.rows.len(), 0);
    // A token that expires ends its stream.
    let short = TokenSpec { ttl_s: 60, ..suite.spec("admin", Role::Admin) };
    let mut short = Screen::open(suite.channel(Kind::Conversation, 0, &short), watched_list(new())).await;
    short.until("the snapshot", |screen| screen.snapshots == 1).await;
    suite.ambient.clock().advance(TimeDelta::minutes(2));
    let ended = loop {
        if let Err(status) = short.next().await {
            break status;
        }
    };
    refused(Err::<(), _>(ended), Code::Unauthenticated, "TOKEN_EXPIRED");
    // A process that drains says so.
    suite.stop().await;
    let ended = loop {
        if let Err(status) = late.next().await {
            break status;
        }
    };
    refused(Err::<(), _>(ended), Code::Unavailable, "SHUTTING_DOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_what_its_caller_may_see_and_no_more() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let (seen, hidden) = (suite.create_channel().await, suite.create_channel().await);
    let one = suite.write(seen, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let two = suite.write(hidden, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let mut screen = Screen::open(suite.as_role(0, "agent-0", Role::Agent), watched_list(new())).await;
    screen.until("the snapshot", |screen| screen.snapshots == 1).await;
    assert_eq!(screen.rows.len(), 2, "the team sees every channel");
    suite.conversation_knows(&suite.narrow_team(seen).await).await;
    screen.until("the scope shrank", |screen| screen.resets == 1 && screen.snapshots == 2).await;
    assert_eq!(screen.ids(), BTreeSet::from([one.clone()]));
    // Of the hidden line nothing comes any more, not even that something left.
    suite.as_ai(1).send_message(suite.answer(&two, 1, 1, &["hi"])).await.unwrap();
    suite.as_ai(1).send_message(suite.answer(&one, 1, 1, &["hi"])).await.unwrap();
    let mut removed = Vec::new();
    while removed.is_empty() {
        let sent = screen.stream.message().await.unwrap().unwrap();
        if let Some(Event::RemovedConversationId(id)) = sent.event {
            removed.push(id);
        }
    }
    assert_eq!(removed, [one]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_tag_and_name_come_into_a_list() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::TWO_CONVERSATIONS }).await;
    let channel = suite.create_channel().await;
    let write = async |n: &str| {
        let id = suite.write(channel, n, &[whatsapp(n)], "hello").await.conversation_id;
        suite.get(&id).await
    };
    let (one, two) = (write("US.1").await, write("US.2").await);
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let tag = async |customer_id: &str| {
        let request = UpdateTagsRequest {
            request_id: suite.request_id(),
            customer_id: customer_id.to_owned(),
            add: vec!["vip".to_owned()],
            ..UpdateTagsRequest::default()
        };
        // The profile is made from the feed.
        let tagged = eventually("the profile is there", async || {
            CustomerServiceClient::new(admin.clone()).update_tags(request.clone()).await.ok()
        });
        tagged.await.into_inner()
    };
    let tagged = tag(&one.customer_id).await;
    suite.conversation_knows(&tagged.change_token).await;
    let any = vec![tagged.tags[0].id.clone()];
    let filter = ConversationFilter {
        customer_tags: Some(TagFilter { any, ..TagFilter::default() }),
        ..ConversationFilter::default()
    };
    let mut screen = Screen::open(suite.as_role(1, "admin", Role::Admin), watched_list(filter)).await;
    screen.until("the snapshot", |screen| screen.snapshots == 1).await;
    assert_eq!(screen.ids(), BTreeSet::from([one.id]));
    tag(&two.customer_id).await;
    screen.until("the tag brought a row", |screen| screen.rows.contains_key(&two.id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_without_a_write_while_nobody_listened_is_told() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let (seen, hidden) = (suite.create_channel().await, suite.create_channel().await);
    let one = suite.write(seen, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    suite.write(hidden, "m1", &[whatsapp("US.2")], "hello").await;
    let due = "UPDATE conversation SET due_at = last_activity_at + interval '1 hour'";
    Databases::execute_on(&suite.conversation_url, due).await;
    let overdue = ConversationFilter { overdue: Some(true), ..ConversationFilter::default() };
    let today = TimeRange { relative: RelativeRange::Today.into(), ..TimeRange::default() };
    let today = ConversationFilter { last_activity: Some(today), ..ConversationFilter::default() };
    let requests = [watched_list(overdue), watched_list(today), watched_list(new())];
    let agent = |replica| suite.as_role(replica, "agent-0", Role::Agent);
    let mut screens = Vec::new();
    for (request, rows) in requests.iter().zip([0, 2, 2]) {
        let mut screen = Screen::open(agent(0), request.clone()).await;
        screen.until("the snapshot", |screen| screen.snapshots == 1).await;
        assert_eq!(screen.rows.len(), rows);
        screens.push(screen);
    }
    // An hour, a night, and another team: none of them writes to a conversation.
    suite.ambient.clock().advance(TimeDelta::hours(25));
    suite.conversation_knows(&suite.narrow_team(seen).await).await;
    for (screen, request) in screens.iter_mut().zip(requests) {
        screen.reopen(agent(1), request).await;
    }
    let [late, day, all] = &mut screens[..] else { unreachable!() };
    late.until("what fell due", |screen| screen.ids() == BTreeSet::from([one.clone()])).await;
    day.until("the day is over", |screen| screen.rows.is_empty()).await;
    all.until("the other channel is not seen", |screen| screen.ids() == BTreeSet::from([one.clone()])).await;
}
