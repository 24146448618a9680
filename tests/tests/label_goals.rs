//! Goals of labels: a conversation that carries one is owed an update from time to time, though its customer waits for
//! nothing.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use tandem_proto::conversation::v1::{
    CloseConversationRequest, GetResponseGoalsRequest, Label, LabelGoal, LabelGoals,
    ListConversationsRequest, ListLabelsRequest, MergeLabelsRequest, OpeningHours, RenameLabelRequest,
    ReopenConversationRequest, ResponseGoals, SendMessageRequest, SnoozeConversationRequest,
    UpdateResponseGoalsRequest, WakeConversationRequest,
};
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_tests::{Parts, Suite, eventually, refused, time, whatsapp, wrong};
use tonic::{Code, Status};

const HOUR: TimeDelta = TimeDelta::hours(1);

type Due = Option<prost_types::Timestamp>;

fn at(at: DateTime<Utc>) -> Due {
    Some(time(at))
}

fn pass(suite: &Suite, time: TimeDelta) -> DateTime<Utc> {
    suite.ambient.clock().advance(time);
    suite.ambient.now()
}

async fn due(suite: &Suite, id: &str) -> Due {
    suite.get(id).await.due_time
}

/// Waits until a timer has told what is due.
async fn becomes_due(suite: &Suite, id: &str, wanted: Due) {
    eventually("what is due is told anew", async || (due(suite, id).await == wanted).then_some(())).await;
}

async fn label(suite: &Suite, id: &str, add: &[&str], remove: &[&str]) -> Due {
    suite.label(0, id, add, remove).await.unwrap().conversation.unwrap().due_time
}

async fn goals(suite: &Suite) -> ResponseGoals {
    suite.as_ai(0).get_response_goals(GetResponseGoalsRequest {}).await.unwrap().into_inner().goals.unwrap()
}

fn label_goals(goals: &[(&str, TimeDelta)]) -> Option<LabelGoals> {
    let goal = |(label, every): &(&str, TimeDelta)| LabelGoal {
        label: (*label).to_owned(),
        update_every: Some(prost_types::Duration { seconds: every.num_seconds(), nanos: 0 }),
    };
    Some(LabelGoals { goals: goals.iter().map(goal).collect() })
}

async fn set(suite: &Suite, goals: ResponseGoals) -> Result<ResponseGoals, Status> {
    let request = UpdateResponseGoalsRequest { request_id: suite.request_id(), goals: Some(goals) };
    Ok(suite.as_admin().update_response_goals(request).await?.into_inner().goals.unwrap())
}

/// The tenant's goals with others for labels.
async fn set_labels(suite: &Suite, labels: &[(&str, TimeDelta)]) {
    let wanted = ResponseGoals { label_goals: label_goals(labels), ..goals(suite).await };
    set(suite, wanted).await.unwrap();
}

async fn named(suite: &Suite, name: &str) -> Label {
    let labels = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    labels.into_iter().find(|label| label.name == name).unwrap()
}

async fn rename(suite: &Suite, from: &str, to: &str) {
    let label = named(suite, from).await;
    let request = RenameLabelRequest {
        request_id: suite.request_id(),
        label_id: label.id,
        name: to.to_owned(),
        etag: label.etag,
    };
    suite.as_admin().rename_label(request).await.unwrap();
}

async fn merge(suite: &Suite, going: &str, staying: &str) {
    let request = MergeLabelsRequest {
        request_id: suite.request_id(),
        label_id: named(suite, going).await.id,
        into_label_id: named(suite, staying).await.id,
    };
    suite.as_admin().merge_labels(request).await.unwrap();
}

async fn overdue(suite: &Suite, replica: usize) -> Vec<String> {
    let filter = ConversationFilter { overdue: Some(true), ..ConversationFilter::default() };
    let request = ListConversationsRequest { filter: Some(filter), ..ListConversationsRequest::default() };
    let mut admin = suite.conversations(replica, "admin", tandem_access::Role::Admin);
    let rows = admin.list_conversations(request).await.unwrap().into_inner().rows;
    rows.into_iter().map(|row| row.conversation.unwrap().id).collect()
}

async fn close(suite: &Suite, id: &str) -> Due {
    let request = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        ..CloseConversationRequest::default()
    };
    let closed = suite.as_admin().close_conversation(request).await.unwrap().into_inner();
    closed.conversation.unwrap().due_time
}

/// A conversation that agent 0 holds and has answered, and when.
async fn answered(suite: &Suite, who: &str) -> (String, DateTime<Utc>) {
    let channel = suite.create_channel().await;
    let id = suite.write(channel, &format!("of {who}"), &[whatsapp(who)], "hello").await.conversation_id;
    suite.take_over(0, &id).await.unwrap();
    suite.say(0, &id, &["we look into it"]).await;
    (id, suite.ambient.now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complex_conversation_is_owed_an_update_every_four_hours() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let who = [whatsapp("US.1")];
    let id = suite.write(channel, "m1", &who, "hello").await.conversation_id;
    let wrote = suite.ambient.now();
    // Who waits for a first answer is owed that first; the label counts from when it was put on, as nothing was said yet.
    assert_eq!(label(&suite, &id, &["Complex"], &[]).await, at(wrote + HOUR * 2));
    suite.take_over(0, &id).await.unwrap();
    pass(&suite, HOUR);
    suite.say(0, &id, &["we look into it"]).await;
    let said = suite.ambient.now();
    assert_eq!(due(&suite, &id).await, at(said + HOUR * 4), "though nobody waits");
    // A private note tells the customer nothing, nor does a customer's word move it.
    pass(&suite, HOUR);
    let note = SendMessageRequest { private: true, ..suite.answer(&id, 0, 0, &["hard"]) };
    suite.as_agent(0, 0).send_message(note).await.unwrap();
    assert_eq!(due(&suite, &id).await, at(said + HOUR * 4));
    // Taken off, nothing is due; put on again, it counts from what was said.
    assert_eq!(label(&suite, &id, &[], &["complex"]).await, None);
    pass(&suite, HOUR);
    assert_eq!(label(&suite, &id, &["complex", "other"], &[]).await, at(said + HOUR * 4));
    assert_eq!(overdue(&suite, 0).await, Vec::<String>::new());
    pass(&suite, HOUR * 2);
    assert_eq!(overdue(&suite, 1).await, vec![id.clone()]);
    // The next word begins it anew.
    suite.say(0, &id, &["still looking"]).await;
    let said = suite.ambient.now();
    assert_eq!(due(&suite, &id).await, at(said + HOUR * 4));
    assert_eq!(overdue(&suite, 0).await, Vec::<String>::new());
    // Put aside it is owed nothing, awake as before.
    let snooze = SnoozeConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        until: at(said + TimeDelta::days(30)),
        note: String::new(),
    };
    let snoozed = suite.as_admin().snooze_conversation(snooze).await.unwrap().into_inner();
    assert_eq!(snoozed.conversation.unwrap().due_time, None);
    pass(&suite, HOUR);
    let wake = WakeConversationRequest { request_id: suite.request_id(), conversation_id: id.clone() };
    let awake = suite.as_admin().wake_conversation(wake).await.unwrap().into_inner();
    assert_eq!(awake.conversation.unwrap().due_time, at(said + HOUR * 4));
    // The AI's words count as a person's do.
    suite.release(0, &id).await;
    let released = suite.get(&id).await;
    let words = suite.answer(&id, released.epoch, 0, &["a colleague is on it"]);
    suite.as_ai(1).send_message(words).await.unwrap();
    assert_eq!(due(&suite, &id).await, at(suite.ambient.now() + HOUR * 4));
    // Closing ends it, and what was said before counts no more when it is opened again.
    assert_eq!(close(&suite, &id).await, None);
    let closed = pass(&suite, TimeDelta::days(3));
    let reopen = ReopenConversationRequest { request_id: suite.request_id(), conversation_id: id.clone() };
    let opened = suite.as_agent(0, 0).reopen_conversation(reopen).await.unwrap().into_inner();
    assert_eq!(opened.conversation.unwrap().due_time, at(closed + HOUR * 4));
    close(&suite, &id).await;
    let back = pass(&suite, TimeDelta::days(3));
    suite.write(channel, "m2", &who, "again").await;
    assert_eq!(due(&suite, &id).await, at(back + HOUR * 2), "a first answer is due before");
    assert_eq!(label(&suite, &id, &[], &["complex"]).await, at(back + HOUR * 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_follows_its_label() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let (one, said) = answered(&suite, "US.1").await;
    let (two, two_said) = answered(&suite, "US.2").await;
    label(&suite, &one, &["tricky"], &[]).await;
    label(&suite, &two, &["spare"], &[]).await;
    assert_eq!(due(&suite, &one).await, None);
    // A label that takes the goal's name has its goal.
    rename(&suite, "tricky", "Complex").await;
    becomes_due(&suite, &one, at(said + HOUR * 4)).await;
    // And keeps it under another name.
    rename(&suite, "Complex", "Hard").await;
    let now = goals(&suite).await;
    assert_eq!((now.label_goals, now.etag.as_str()), (label_goals(&[("Hard", HOUR * 4)]), "1"));
    assert_eq!(label(&suite, &one, &["other"], &[]).await, at(said + HOUR * 4));
    // Another time for it.
    set_labels(&suite, &[("hard", HOUR * 3), ("vip", HOUR)]).await;
    becomes_due(&suite, &one, at(said + HOUR * 3)).await;
    // What becomes it is owed what it is owed.
    assert_eq!(due(&suite, &two).await, None);
    merge(&suite, "spare", "Hard").await;
    becomes_due(&suite, &two, at(two_said + HOUR * 3)).await;
    // The shortest of several; also through what it became.
    assert_eq!(label(&suite, &one, &["vip"], &[]).await, at(said + HOUR));
    label(&suite, &one, &[], &["vip"]).await;
    merge(&suite, "Hard", "other").await;
    becomes_due(&suite, &one, at(said + HOUR * 3)).await;
    rename(&suite, "other", "another").await;
    assert_eq!(label(&suite, &one, &["x"], &[]).await, at(said + HOUR * 3));
    merge(&suite, "vip", "another").await;
    becomes_due(&suite, &one, at(said + HOUR)).await;
    // No goal for labels at all.
    set_labels(&suite, &[]).await;
    becomes_due(&suite, &one, None).await;
    becomes_due(&suite, &two, None).await;
    assert_eq!(goals(&suite).await.label_goals, label_goals(&[]));
    // One that is left out takes the default.
    let standard = set(&suite, ResponseGoals { label_goals: None, ..goals(&suite).await }).await.unwrap();
    assert_eq!(standard.label_goals, label_goals(&[("complex", HOUR * 4)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_opening_hours_count_for_an_update() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let wanted = ResponseGoals {
        opening_hours: (1..=7)
            .map(|weekday| OpeningHours { weekday, opens_minute: 540, closes_minute: 1_020 })
            .collect(),
        label_goals: label_goals(&[("complex", HOUR * 4)]),
        etag: "0".to_owned(),
        ..ResponseGoals::default()
    };
    set(&suite, wanted.clone()).await.unwrap();
    refused(set(&suite, wanted).await, Code::Aborted, "ETAG_MISMATCH");
    // Three in the afternoon, UTC.
    let now = suite.ambient.now();
    let three = (now.with_time(chrono::NaiveTime::MIN).unwrap() + TimeDelta::days(1)).with_hour(15).unwrap();
    pass(&suite, three - now);
    let (id, said) = answered(&suite, "US.1").await;
    assert_eq!(said, three);
    assert_eq!(label(&suite, &id, &["complex"], &[]).await, at(three + HOUR * 20), "11:00 the next day");

    let wrong_goals = ResponseGoals {
        label_goals: label_goals(&[("a", HOUR), (" A ", TimeDelta::zero()), ("", TimeDelta::days(31))]),
        ..goals(&suite).await
    };
    wrong(
        set(&suite, wrong_goals).await,
        &[
            "goals.label_goals.goals[1].label",
            "goals.label_goals.goals[1].update_every",
            "goals.label_goals.goals[2].label",
            "goals.label_goals.goals[2].update_every",
        ],
    );
    let many: Vec<(String, TimeDelta)> = (0..21).map(|n| (format!("l{n}"), HOUR)).collect();
    let many: Vec<(&str, TimeDelta)> = many.iter().map(|(name, every)| (name.as_str(), *every)).collect();
    let many = ResponseGoals { label_goals: label_goals(&many), ..goals(&suite).await };
    wrong(set(&suite, many).await, &["goals.label_goals.goals"]);
}
