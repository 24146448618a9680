//! Response goals: what is due when somebody begins to wait, and what is overdue.

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use tandem_proto::conversation::v1::response_target::Following;
use tandem_proto::conversation::v1::{
    Conversation, GetResponseGoalsRequest, ListConversationsRequest, OpeningHours, ResponseGoals,
    ResponseTarget, SetPriorityRequest, SnoozeConversationRequest, UpdateResponseGoalsRequest,
    WakeConversationRequest,
};
use tandem_proto::r#type::v1::{ConversationFilter, Priority};
use tandem_tests::{Parts, Suite, refused, time, whatsapp, wrong};
use tonic::{Code, Status};

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

async fn update(suite: &Suite, goals: ResponseGoals) -> Result<ResponseGoals, Status> {
    let request = UpdateResponseGoalsRequest { request_id: suite.request_id(), goals: Some(goals) };
    Ok(suite.as_admin().update_response_goals(request).await?.into_inner().goals.unwrap())
}

async fn goals(suite: &Suite) -> ResponseGoals {
    suite.as_ai(1).get_response_goals(GetResponseGoalsRequest {}).await.unwrap().into_inner().goals.unwrap()
}

async fn prioritise(suite: &Suite, id: &str, priority: Priority) -> Conversation {
    let request = SetPriorityRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        priority: priority.into(),
    };
    suite.as_admin().set_priority(request).await.unwrap().into_inner().conversation.unwrap()
}

async fn overdue(suite: &Suite, overdue: bool) -> Vec<String> {
    let filter = ConversationFilter { overdue: Some(overdue), ..ConversationFilter::default() };
    let request = ListConversationsRequest { filter: Some(filter), ..ListConversationsRequest::default() };
    let rows = suite.as_admin().list_conversations(request).await.unwrap().into_inner().rows;
    rows.into_iter().map(|row| row.conversation.unwrap().id).collect()
}

/// Moves the suite's clock to a time.
fn move_to(suite: &Suite, at: DateTime<Utc>) {
    suite.ambient.clock().advance(at - suite.ambient.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_goals_the_defaults_hold() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let who = [whatsapp("US.1")];
    let id = suite.write(channel, "m1", &who, "hello").await.conversation_id;
    let since = suite.ambient.now();
    let due = |minutes| Some(time(since + TimeDelta::minutes(minutes)));
    assert_eq!(suite.get(&id).await.due_time, due(120));
    // Another message of who waits already moves nothing.
    suite.ambient.clock().advance(TimeDelta::minutes(10));
    suite.write(channel, "m2", &who, "there?").await;
    assert_eq!(suite.get(&id).await.due_time, due(120));
    // The priority does, counted from when the customer began to wait.
    assert_eq!(prioritise(&suite, &id, Priority::Urgent).await.due_time, due(15));
    assert_eq!(overdue(&suite, true).await, Vec::<String>::new());
    suite.ambient.clock().advance(TimeDelta::minutes(5));
    assert_eq!(overdue(&suite, true).await, vec![id.clone()]);
    assert_eq!(overdue(&suite, false).await, Vec::<String>::new());
    assert_eq!(prioritise(&suite, &id, Priority::High).await.due_time, due(120));
    assert_eq!(overdue(&suite, true).await, Vec::<String>::new());
    // A private note answers nobody, a reply does.
    suite.take_over(0, &id).await.unwrap();
    let note = tandem_proto::conversation::v1::SendMessageRequest {
        private: true,
        ..suite.answer(&id, 0, 0, &["who is this?"])
    };
    suite.as_agent(0, 0).send_message(note).await.unwrap();
    assert_eq!(suite.get(&id).await.due_time, due(120));
    suite.say(0, &id, &["hello"]).await;
    assert_eq!(suite.get(&id).await.due_time, None);
    // What follows is due by the end of the day, which is UTC's without goals.
    suite.write(channel, "m3", &who, "thanks, and now?").await;
    let midnight = suite.ambient.now().date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    assert_eq!(suite.get(&id).await.due_time, Some(time(midnight + TimeDelta::days(1))));
    let urgent = prioritise(&suite, &id, Priority::Urgent).await;
    assert_eq!(urgent.due_time, Some(time(suite.ambient.now() + TimeDelta::minutes(15))));
    let standard = goals(&suite).await;
    assert_eq!((standard.etag.as_str(), standard.time_zone.as_str()), ("0", "UTC"));
    let first: Vec<i64> = standard.targets.iter().map(|target| target.first.unwrap().seconds).collect();
    assert_eq!(first, [7_200, 7_200, 7_200, 900]);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_hours_count_in_their_time_zone() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let target = |priority: Priority, first, within| ResponseTarget {
        priority: priority.into(),
        first: Some(seconds(first)),
        following: Some(within),
    };
    let wanted = ResponseGoals {
        targets: vec![
            target(Priority::Urgent, 600, Following::Within(seconds(300))),
            target(Priority::Normal, 3_600, Following::SameBusinessDay(true)),
            ResponseTarget { priority: Priority::Low.into(), ..ResponseTarget::default() },
        ],
        // Four hours before UTC, all year.
        time_zone: "Asia/Dubai".to_owned(),
        // Sunday to Thursday, nine to five.
        opening_hours: [7, 1, 2, 3, 4]
            .map(|weekday| OpeningHours { weekday, opens_minute: 540, closes_minute: 1_020 })
            .to_vec(),
        etag: "0".to_owned(),
        label_goals: None,
    };
    let set = update(&suite, wanted.clone()).await.unwrap();
    assert_eq!((set.etag.as_str(), set.targets.len(), set.opening_hours.len()), ("1", 4, 5));
    assert_eq!(set.targets[2].first, Some(seconds(7_200)), "one that is left out takes the default");
    assert_eq!(goals(&suite).await, set);
    refused(update(&suite, wanted).await, Code::Aborted, "ETAG_MISMATCH");

    // The next Thursday, half an hour before closing.
    let midnight = suite.ambient.now().date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let thursday = (1..8)
        .map(|days| midnight + TimeDelta::days(days))
        .find(|day| day.weekday() == Weekday::Thu)
        .unwrap();
    let at = |days, hour: i64, minute: i64| {
        thursday + TimeDelta::days(days) + TimeDelta::hours(hour) + TimeDelta::minutes(minute)
    };
    let due = |days, hour, minute| Some(time(at(days, hour, minute)));
    move_to(&suite, at(0, 12, 30));
    let who = [whatsapp("US.1")];
    let id = suite.write(channel, "m1", &who, "hello").await.conversation_id;
    assert_eq!(suite.get(&id).await.due_time, due(3, 5, 30), "half an hour into Sunday");
    assert_eq!(prioritise(&suite, &id, Priority::Urgent).await.due_time, due(0, 12, 40));
    assert_eq!(prioritise(&suite, &id, Priority::Low).await.due_time, None, "no goal, nothing due");
    prioritise(&suite, &id, Priority::Normal).await;
    suite.say(0, &id, &["one moment"]).await;
    suite.write(channel, "m2", &who, "well?").await;
    assert_eq!(suite.get(&id).await.due_time, due(0, 13, 0), "the same business day");
    suite.say(0, &id, &["still looking"]).await;
    move_to(&suite, at(0, 16, 0));
    suite.write(channel, "m3", &who, "well?").await;
    assert_eq!(suite.get(&id).await.due_time, due(3, 13, 0), "the next one");
    // Put aside it is not due, awake it is as before.
    let snooze = SnoozeConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        until: Some(time(at(2, 0, 0))),
        note: String::new(),
    };
    let snoozed = suite.as_admin().snooze_conversation(snooze).await.unwrap().into_inner();
    assert_eq!(snoozed.conversation.unwrap().due_time, None);
    let wake = WakeConversationRequest { request_id: suite.request_id(), conversation_id: id.clone() };
    let awake = suite.as_admin().wake_conversation(wake).await.unwrap().into_inner().conversation.unwrap();
    assert_eq!(awake.due_time, due(3, 13, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_goals_are_refused_at_once() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let hours = |weekday, opens_minute, closes_minute| OpeningHours { weekday, opens_minute, closes_minute };
    let bad = ResponseGoals {
        targets: vec![
            ResponseTarget { priority: 9, first: Some(seconds(0)), following: None },
            ResponseTarget {
                priority: Priority::Low.into(),
                first: Some(seconds(31 * 86_400)),
                following: Some(Following::Within(prost_types::Duration { seconds: 1, nanos: 1 })),
            },
            ResponseTarget {
                priority: Priority::Low.into(),
                first: None,
                following: Some(Following::SameBusinessDay(false)),
            },
        ],
        time_zone: "Nowhere".to_owned(),
        opening_hours: vec![hours(0, -1, 0), hours(1, 60, 120), hours(1, 100, 1_441)],
        etag: "x".to_owned(),
        label_goals: None,
    };
    wrong(
        update(&suite, bad).await,
        &[
            "goals.targets[0].priority",
            "goals.targets[0].first",
            "goals.targets[1].first",
            "goals.targets[1].within",
            "goals.targets[2].priority",
            "goals.targets[2].same_business_day",
            "goals.time_zone",
            "goals.opening_hours[0].weekday",
            "goals.opening_hours[0].opens_minute",
            "goals.opening_hours[2].closes_minute",
            "goals.opening_hours",
            "goals.etag",
        ],
    );
    let request = UpdateResponseGoalsRequest {
        request_id: suite.request_id(),
        goals: Some(ResponseGoals { etag: "0".to_owned(), ..ResponseGoals::default() }),
    };
    let mut admin = suite.as_admin();
    let first = admin.update_response_goals(request.clone()).await.unwrap().into_inner();
    assert_eq!(admin.update_response_goals(request).await.unwrap().into_inner(), first, "the same again");
    assert_eq!(goals(&suite).await.etag, "1");
}
