//! What agents are told of snoozed conversations that wake, and what they do not want to be told of.

use chrono::TimeDelta;
use tandem_change_feed::Apply;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::NotificationKind;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::assignment::v1::notification_service_server::NotificationService;
use tandem_proto::conversation::v1 as conversation;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::feed::v1::ChangeKind;
use tandem_proto::feed::v1::change::Body;
use tandem_proto::r#type::v1 as types;
use tandem_proto::r#type::v1::ActorKind;
use tandem_proto::r#type::v1::ConversationStatus::{Open, Snoozed};
use uuid::Uuid;

use super::reason;
use super::sandbox::{CHANNEL, Sandbox, TENANT, agent, ai, supervisor};
use crate::ticker::tick;

async fn give(sandbox: &Sandbox, conversation: Uuid, agent: Uuid) {
    let message = proto::AssignRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        assignee: Some(proto::assign_request::Assignee::AgentId(agent.to_string())),
        force: true,
        ..proto::AssignRequest::default()
    };
    sandbox.assignment.assign(supervisor("lead", message)).await.unwrap();
    sandbox.catch_up().await;
}

/// Somebody wakes a snoozed conversation.
async fn wake(sandbox: &Sandbox, conversation: Uuid, kind: ActorKind, id: &str) {
    {
        let mut state = sandbox.fake.state();
        let entry_id = state.id().to_string();
        let event = conversation::StatusChanged {
            from: Snoozed.into(),
            to: Open.into(),
            ..conversation::StatusChanged::default()
        };
        let entry = conversation::TimelineEntry {
            id: entry_id.clone(),
            conversation_id: conversation.to_string(),
            channel_id: CHANNEL.to_string(),
            time: Some(prost_types::Timestamp { seconds: state.time, nanos: 0 }),
            actor: Some(types::Actor { kind: kind.into(), id: id.to_owned(), ..types::Actor::default() }),
            event: Some(Event::StatusChanged(event)),
            ..conversation::TimelineEntry::default()
        };
        state.push(TENANT, &entry_id, ChangeKind::TimelineEntry, Body::TimelineEntry(entry));
    }
    sandbox.catch_up().await;
}

async fn told(sandbox: &Sandbox, subject: &str) -> Vec<(NotificationKind, String)> {
    let listed = sandbox.notifications.list_notifications(agent(subject, Default::default())).await.unwrap();
    let told = listed.into_inner().notifications.into_iter();
    told.map(|notification| (notification.kind(), notification.actor_id)).collect()
}

async fn mute(sandbox: &Sandbox, subject: &str, kinds: &[NotificationKind]) -> Vec<i32> {
    let muted_kinds = kinds.iter().map(|kind| (*kind).into()).collect();
    let preferences = Some(proto::NotificationPreferences { muted_kinds });
    let message = proto::UpdateNotificationPreferencesRequest { preferences };
    let service = &sandbox.notifications;
    let answer = service.update_notification_preferences(agent(subject, message)).await.unwrap().into_inner();
    let get = agent(subject, proto::GetNotificationPreferencesRequest {});
    let now = service.get_notification_preferences(get).await.unwrap().into_inner();
    assert_eq!(answer.preferences, now.preferences);
    now.preferences.unwrap().muted_kinds
}

#[tokio::test]
async fn who_holds_what_wakes_is_told_once() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    sandbox.agent("lead", 0).await;
    let team = sandbox.team("Team", &[ada, bob]).await;
    let (held, queued, ais) =
        (sandbox.conversation().await, sandbox.conversation().await, sandbox.conversation().await);
    give(&sandbox, held, ada).await;
    let by_customer = (NotificationKind::Woken, "customer".to_owned());
    let by_time = (NotificationKind::Woken, "system".to_owned());
    let woken = async |subject| {
        let mut told = told(&sandbox, subject).await;
        told.retain(|(kind, _)| *kind == NotificationKind::Woken);
        told
    };
    wake(&sandbox, held, ActorKind::Customer, &sandbox.id()).await;
    assert_eq!(woken("ada").await, std::slice::from_ref(&by_customer));
    wake(&sandbox, held, ActorKind::System, "").await;
    assert_eq!(woken("ada").await, [by_time.clone(), by_customer.clone()]);
    // Neither an agent's own hand, nor what the AI holds.
    wake(&sandbox, held, ActorKind::Agent, &ada.to_string()).await;
    wake(&sandbox, ais, ActorKind::Customer, &sandbox.id()).await;
    assert_eq!(woken("ada").await.len(), 2);
    assert_eq!(woken("bob").await, []);
    // From a queue everybody of the team.
    let hand_off = proto::HandOffRequest {
        request_id: sandbox.id(),
        conversation_id: queued.to_string(),
        expected_epoch: 1,
        reason: 1,
        team_id: team.to_string(),
        ..proto::HandOffRequest::default()
    };
    sandbox.assignment.hand_off(ai(hand_off)).await.unwrap();
    sandbox.catch_up().await;
    wake(&sandbox, queued, ActorKind::Customer, &sandbox.id()).await;
    assert_eq!(woken("bob").await, std::slice::from_ref(&by_customer));
    assert_eq!(woken("ada").await, [by_customer.clone(), by_time, by_customer]);
    // Whoever holds them later is told by no replay and no rebuild, also not when what was told is forgotten.
    give(&sandbox, held, bob).await;
    let changes = sandbox.fake.state().changes.clone();
    for generation in [1, 1, 2] {
        sandbox.apply(generation, &changes).await;
    }
    assert_eq!((woken("ada").await.len(), woken("bob").await.len()), (3, 1));
    sandbox.app.ambient.clock().advance(TimeDelta::days(31));
    tick(&sandbox.app).await.unwrap();
    sandbox.apply(3, &changes).await;
    assert_eq!((told(&sandbox, "ada").await, told(&sandbox, "bob").await), (vec![], vec![]));
}

#[tokio::test]
async fn a_rebuild_tells_no_wake_of_before_wakes_were_kept() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    sandbox.agent("lead", 0).await;
    let held = sandbox.conversation().await;
    give(&sandbox, held, ada).await;
    wake(&sandbox, held, ActorKind::Customer, &sandbox.id()).await;
    assert_eq!(told(&sandbox, "ada").await.len(), 2);
    for table in ["notification", "wake"] {
        let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
        sqlx::raw_sql(delete).execute(&sandbox.app.pool).await.unwrap();
    }
    let changes = sandbox.fake.state().changes.clone();
    let mut tx = tandem_database::begin(&sandbox.app.pool).await.unwrap();
    sandbox.feed.snapshot(&mut tx, 2, &changes).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(told(&sandbox, "ada").await, []);
    // One that happens while the snapshot is read is in a page of it, and on the feed that is followed from its first page.
    wake(&sandbox, held, ActorKind::Customer, &sandbox.id()).await;
    sqlx::raw_sql("DELETE FROM notification; DELETE FROM wake").execute(&sandbox.app.pool).await.unwrap();
    let all = sandbox.fake.state().changes.clone();
    let mut tx = tandem_database::begin(&sandbox.app.pool).await.unwrap();
    sandbox.feed.snapshot(&mut tx, 2, &all).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..2 {
        sandbox.apply(2, &all[changes.len()..]).await;
        assert_eq!(told(&sandbox, "ada").await, [(NotificationKind::Woken, "customer".to_owned())]);
    }
}

#[tokio::test]
async fn nobody_is_told_what_they_muted() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 0).await, sandbox.agent("bob", 0).await);
    sandbox.agent("lead", 0).await;
    use NotificationKind::{Assigned, TakenAway, Transferred, Woken};
    let kinds = async |subject| -> Vec<NotificationKind> {
        told(&sandbox, subject).await.into_iter().map(|(kind, _)| kind).collect()
    };
    assert_eq!(mute(&sandbox, "ada", &[]).await, [0; 0]);
    let conversation = sandbox.conversation().await;
    give(&sandbox, conversation, ada).await;
    assert_eq!(kinds("ada").await, [Assigned]);
    let muted: Vec<i32> = [TakenAway, Woken].map(i32::from).to_vec();
    assert_eq!(mute(&sandbox, "ada", &[Woken, TakenAway, Woken]).await, muted);
    wake(&sandbox, conversation, ActorKind::Customer, "").await;
    give(&sandbox, conversation, bob).await;
    give(&sandbox, conversation, ada).await;
    // What is not muted is told, and so are others; what was told before stays.
    assert_eq!(kinds("ada").await, [Transferred, Assigned]);
    assert_eq!(kinds("bob").await, [TakenAway, Transferred]);
    // Everything on again: from now on, and a replay does not bring back what was muted.
    assert_eq!(mute(&sandbox, "ada", &[]).await, [0; 0]);
    let changes = sandbox.fake.state().changes.clone();
    sandbox.apply(2, &changes).await;
    assert_eq!(kinds("ada").await, [Transferred, Assigned]);
    wake(&sandbox, conversation, ActorKind::Customer, "").await;
    assert_eq!(kinds("ada").await, [Woken, Transferred, Assigned]);
    let get = agent("stranger", proto::GetNotificationPreferencesRequest {});
    assert_eq!(reason(sandbox.notifications.get_notification_preferences(get).await), "AGENT_INACTIVE");
}
