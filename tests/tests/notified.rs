//! What agents are told of by notes and by the clock.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use sqlx::Connection;
use tandem_access::Role;
use tandem_proto::assignment::v1::{ListNotificationsRequest, Notification, NotificationKind};
use tandem_proto::conversation::v1::SendMessageRequest;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::{AddNoteRequest, DeleteNoteRequest, UpdateNoteRequest};
use tandem_tests::{Databases, Kind, Parts, Suite, eventually, whatsapp};

/// An agent's notifications of one kind, once there are so many.
async fn told(suite: &Suite, number: usize, kind: NotificationKind, count: usize) -> Vec<Notification> {
    eventually("the agent is told", async || {
        let all = suite.notifications(number).list_notifications(ListNotificationsRequest::default()).await;
        let mut all = all.unwrap().into_inner().notifications;
        all.retain(|notification| notification.kind() == kind);
        (all.len() >= count).then_some(all)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_tells_those_whom_it_names() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(3).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let note = |words: &str, named: &[usize]| SendMessageRequest {
        private: true,
        mention_agent_ids: named.iter().map(|number| agents[*number].to_string()).collect(),
        ..suite.answer(&id, 0, 0, &[words])
    };
    suite.as_agent(0, 0).send_message(note("a refund, @Agent 1?", &[0, 1])).await.unwrap();
    suite.as_agent(1, 2).send_message(note("nobody is named", &[])).await.unwrap();
    suite.as_agent(1, 2).send_message(note("@Agent 1, and please", &[1])).await.unwrap();
    let named = told(&suite, 1, NotificationKind::Mentioned, 2).await;
    let seen: Vec<_> = named.iter().map(|one| (one.note.as_str(), one.actor_id.clone())).collect();
    assert_eq!(
        seen,
        [("@Agent 1, and please", agents[2].to_string()), ("a refund, @Agent 1?", agents[0].to_string())]
    );
    assert!(named.iter().all(|one| one.conversation_id == id));
    // Nobody is told of their own note, nor who is not named: the two are there, and nothing came before them.
    for number in [0, 2] {
        assert_eq!(told(&suite, number, NotificationKind::Mentioned, 0).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_about_a_customer_tells_each_whom_it_names_once() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    let (agents, _) = suite.agents(3).await;
    let channel = suite.create_channel().await;
    let conversation = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let customer_id = suite.get(&conversation).await.customer_id;
    let mut writer =
        NoteServiceClient::new(suite.channel(Kind::CustomerProfile, 0, &suite.spec("agent-0", Role::Agent)));
    let ids = |named: &[usize]| named.iter().map(|number| agents[*number].to_string()).collect::<Vec<_>>();
    let add = AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: customer_id.clone(),
        text: "@Agent 1, she pays late".to_owned(),
        mention_agent_ids: ids(&[0, 1]),
    };
    let added = eventually("the profile is there", async || writer.clone().add_note(add.clone()).await.ok());
    let note = added.await.into_inner().note.unwrap();
    let fresh =
        |token: String| ListNotificationsRequest { at_least_as_fresh: vec![token], ..Default::default() };
    let of = async |number: usize, token: &str| {
        let request = fresh(token.to_owned());
        let answer = suite.notifications(number).list_notifications(request).await.unwrap().into_inner();
        answer.notifications
    };
    let first = told(&suite, 1, NotificationKind::Mentioned, 1).await;
    let shown: Vec<_> = first
        .iter()
        .map(|one| (one.note.as_str(), one.actor_id.clone(), one.conversation_id.as_str()))
        .collect();
    assert_eq!(shown, [("@Agent 1, she pays late", agents[0].to_string(), "")]);
    assert_eq!((&first[0].customer_id, &first[0].note_id), (&customer_id, &note.id));
    // An edit calls one more: the others are not told again, and nobody of their own.
    let edit = UpdateNoteRequest {
        request_id: suite.request_id(),
        note_id: note.id.clone(),
        text: "@Agent 1 and @Agent 2, she pays late".to_owned(),
        mention_agent_ids: ids(&[0, 1, 2]),
        etag: note.etag,
    };
    let token = writer.update_note(edit).await.unwrap().into_inner().change_token;
    assert_eq!(of(2, &token).await[0].note, "@Agent 1 and @Agent 2, she pays late");
    assert_eq!(of(1, &token).await.len(), 1);
    assert_eq!(of(0, &token).await, []);
    // The feed begins again, as after a restored database: nothing is told twice.
    sqlx::query("UPDATE feed_cursor SET mark = ~mark, lease = NULL WHERE feed LIKE 'customer-profile%'")
        .execute(&mut sqlx::PgConnection::connect(&suite.assignment_url).await.unwrap())
        .await
        .unwrap();
    let again = AddNoteRequest { request_id: suite.request_id(), mention_agent_ids: ids(&[2]), ..add };
    let token = writer.add_note(again).await.unwrap().into_inner().change_token;
    assert_eq!(of(2, &token).await.len(), 2);
    assert_eq!(of(1, &token).await.len(), 1);
    // Who was told of a note that is gone reads no more what it said.
    let delete = DeleteNoteRequest { request_id: suite.request_id(), note_id: note.id, ..Default::default() };
    let token = writer.delete_note(delete).await.unwrap().into_inner().change_token;
    assert_eq!(of(1, &token).await[0].note, "");
    assert_eq!(of(2, &token).await.iter().filter(|one| one.note.is_empty()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_calls_an_agent_once_however_long_ago_and_says_nothing_after_its_end() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    let (agents, _) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let conversation = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let customer_id = suite.get(&conversation).await.customer_id;
    let profile = suite.channel(Kind::CustomerProfile, 0, &suite.spec("agent-0", Role::Agent));
    let mut writer = NoteServiceClient::new(profile);
    let mentions = vec![agents[1].to_string()];
    let add = |text: &str| AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: customer_id.clone(),
        text: text.to_owned(),
        mention_agent_ids: mentions.clone(),
    };
    let of = async |token: &str| {
        let request =
            ListNotificationsRequest { at_least_as_fresh: vec![token.to_owned()], ..Default::default() };
        suite.notifications(1).list_notifications(request).await.unwrap().into_inner().notifications
    };
    let doomed = add("she pays late");
    let doomed =
        eventually("the profile is there", async || writer.clone().add_note(doomed.clone()).await.ok()).await;
    let doomed = doomed.into_inner();
    assert_eq!(of(&doomed.change_token).await[0].note, "she pays late");
    // Nobody follows while it ends, and when somebody does again, the place is lost.
    let cursor = |set: &str| format!("UPDATE feed_cursor SET {set} WHERE feed LIKE 'customer-profile%'");
    let away = "mark = ~mark, lease = gen_random_uuid(), lease_until = '2200-01-01'";
    Databases::execute_on(&suite.assignment_url, &cursor(away)).await;
    let delete = DeleteNoteRequest {
        request_id: suite.request_id(),
        note_id: doomed.note.unwrap().id,
        ..Default::default()
    };
    writer.delete_note(delete).await.unwrap();
    let kept = writer.add_note(add("she pays early")).await.unwrap().into_inner();
    Databases::execute_on(&suite.assignment_url, &cursor("lease = NULL, lease_until = NULL")).await;
    let notes: Vec<_> = of(&kept.change_token).await.into_iter().map(|one| one.note).collect();
    assert_eq!(notes, ["she pays early", ""]);

    // Notifications are kept thirty days: what was told before them is not told again by an edit.
    suite.ambient.clock().advance(TimeDelta::days(31));
    Databases::execute_on(&suite.assignment_url, "DELETE FROM notification").await;
    let note = kept.note.unwrap();
    let edit = UpdateNoteRequest {
        request_id: suite.request_id(),
        note_id: note.id,
        text: "she pays on time".to_owned(),
        mention_agent_ids: mentions.clone(),
        etag: note.etag,
    };
    let token = writer.update_note(edit).await.unwrap().into_inner().change_token;
    assert_eq!(of(&token).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_what_is_overdue_is_told_once_for_each_time() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let mut ids = BTreeSet::new();
    for number in 0..3 {
        let who = [whatsapp(&format!("US.{number}"))];
        let id = suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id;
        suite.take_over(0, &id).await.unwrap();
        ids.insert(id);
    }
    // Two hours are the goal; a conversation that is answered before is not told of, once assignment knows.
    suite.ambient.clock().advance(TimeDelta::minutes(90));
    let answered = ids.pop_first().unwrap();
    let token = suite.say(0, &answered, &["here I am"]).await.change_token;
    known(&suite, token).await;
    // A quarter of an hour before the two hours are over.
    suite.ambient.clock().advance(TimeDelta::minutes(16));
    let soon = told(&suite, 0, NotificationKind::DueSoon, 2).await;
    assert_eq!(soon.iter().map(|one| one.conversation_id.clone()).collect::<BTreeSet<_>>(), ids);
    assert_eq!(told(&suite, 0, NotificationKind::Overdue, 0).await, []);
    suite.ambient.clock().advance(TimeDelta::minutes(15));
    let late = told(&suite, 0, NotificationKind::Overdue, 2).await;
    assert_eq!(late.iter().map(|one| one.conversation_id.clone()).collect::<BTreeSet<_>>(), ids);
    assert!(late.iter().all(|one| one.actor_id == "system"));
    assert_eq!(told(&suite, 1, NotificationKind::Overdue, 0).await, []);
    // What is due again is told again, and what is still overdue is not.
    let again = ids.pop_first().unwrap();
    suite.say(0, &again, &["sorry"]).await;
    for number in 0..3 {
        let who = [whatsapp(&format!("US.{number}"))];
        suite.write(channel, &format!("again{number}"), &who, "and?").await;
    }
    suite.ambient.clock().advance(TimeDelta::hours(48));
    let late = told(&suite, 0, NotificationKind::Overdue, 4).await;
    let newest = late[..2].iter().map(|one| one.conversation_id.clone()).collect::<BTreeSet<_>>();
    assert_eq!((late.len(), newest), (4, BTreeSet::from([answered, again])));
}

/// Waits until assignment knows of a write to conversation.
async fn known(suite: &Suite, change_token: String) {
    let at_least_as_fresh = vec![change_token];
    let request = ListNotificationsRequest { at_least_as_fresh, ..ListNotificationsRequest::default() };
    suite.notifications(0).list_notifications(request).await.unwrap();
}
