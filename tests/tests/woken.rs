//! Whom a snoozed conversation calls back when it wakes, and what agents do not want to be told of.

use chrono::TimeDelta;
use tandem_proto::assignment::v1::{
    GetNotificationPreferencesRequest, ListNotificationsRequest, NotificationKind, NotificationPreferences,
    UpdateNotificationPreferencesRequest,
};
use tandem_proto::conversation::v1::{SnoozeConversationRequest, WakeConversationRequest};
use tandem_proto::r#type::v1::ConversationStatus;
use tandem_tests::{Parts, Suite, eventually, time, whatsapp};

/// The agent snoozes a conversation for an hour. The change's token.
async fn snooze(suite: &Suite, number: usize, id: &str) -> String {
    let request = SnoozeConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        until: Some(time(suite.ambient.now() + TimeDelta::hours(1))),
        ..SnoozeConversationRequest::default()
    };
    suite.as_agent(0, number).snooze_conversation(request).await.unwrap().into_inner().change_token
}

/// Who woke what an agent was told of, newest first, once assignment knows of a write.
async fn woken(suite: &Suite, number: usize, token: String) -> Vec<String> {
    let at_least_as_fresh = vec![token];
    let request = ListNotificationsRequest { at_least_as_fresh, ..ListNotificationsRequest::default() };
    let all = suite.notifications(number).list_notifications(request).await.unwrap().into_inner();
    let woken = all.notifications.into_iter().filter(|one| one.kind() == NotificationKind::Woken);
    woken.map(|one| one.actor_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_snoozed_it_is_told_when_it_wakes() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let who = [whatsapp("US.1")];
    let id = suite.write(channel, "m1", &who, "hello").await.conversation_id;
    suite.take_over(0, &id).await.unwrap();
    // The customer writes.
    snooze(&suite, 0, &id).await;
    suite.write(channel, "m2", &who, "still there?").await;
    assert_eq!(suite.get(&id).await.status(), ConversationStatus::Open);
    assert_eq!(woken(&suite, 0, snooze(&suite, 0, &id).await).await, ["customer"]);
    // Its time comes.
    suite.ambient.clock().advance(TimeDelta::minutes(61));
    eventually("it wakes", async || {
        (suite.get(&id).await.status() == ConversationStatus::Open).then_some(())
    })
    .await;
    assert_eq!(woken(&suite, 0, snooze(&suite, 0, &id).await).await, ["system", "customer"]);
    // The agent's own hand.
    let wake = WakeConversationRequest { request_id: suite.request_id(), conversation_id: id.clone() };
    suite.as_agent(1, 0).wake_conversation(wake).await.unwrap();
    assert_eq!(woken(&suite, 0, snooze(&suite, 0, &id).await).await.len(), 2);
    // Who does not want to be told is not.
    let mut notifications = suite.notifications(0);
    let muted = NotificationPreferences { muted_kinds: vec![NotificationKind::Woken.into()] };
    let request = UpdateNotificationPreferencesRequest { preferences: Some(muted.clone()) };
    notifications.update_notification_preferences(request).await.unwrap();
    suite.write(channel, "m3", &who, "hello?").await;
    let token = suite.say(0, &id, &["here"]).await.change_token;
    assert_eq!(woken(&suite, 0, token.clone()).await.len(), 2);
    assert_eq!(woken(&suite, 1, token).await, [""; 0]);
    let get = GetNotificationPreferencesRequest {};
    let kept = notifications.get_notification_preferences(get).await.unwrap().into_inner();
    assert_eq!(kept.preferences, Some(muted));
    let get = GetNotificationPreferencesRequest {};
    let others = suite.notifications(1).get_notification_preferences(get).await.unwrap().into_inner();
    assert_eq!(others.preferences, Some(NotificationPreferences::default()));
}
