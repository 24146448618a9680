use chrono::TimeDelta;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::conversation::v1::{
    CloseConversationRequest, GetRetentionRequest, Retention, UpdateRetentionRequest,
};
use tandem_tests::{Parts, Suite, eventually, item_at, stored, whatsapp};

fn keeper(suite: &Suite) -> PrivacyServiceClient<InternalChannel> {
    PrivacyServiceClient::new(suite.as_role(0, "admin", Role::Admin))
}

async fn keep(suite: &Suite, closed_days: i32) {
    let request =
        UpdateRetentionRequest { request_id: suite.request_id(), retention: Some(Retention { closed_days }) };
    let kept = keeper(suite).update_retention(request.clone()).await.unwrap().into_inner();
    assert_eq!(kept.retention, request.retention);
    assert_eq!(keeper(suite).update_retention(request).await.unwrap().into_inner(), kept, "once");
    let read = keeper(suite).get_retention(GetRetentionRequest {}).await.unwrap().into_inner();
    assert_eq!(read.retention, kept.retention);
}

async fn close(suite: &Suite, conversation_id: &str) {
    let request = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: conversation_id.to_owned(),
        ..CloseConversationRequest::default()
    };
    suite.conversations(0, "lead", Role::Supervisor).close_conversation(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_that_were_closed_long_ago_are_erased_and_younger_ones_stay() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let line = suite.create_channel().await;
    let old = suite.write(line, "old", &[whatsapp("US.1")], "an old word").await;
    let live = suite.write(line, "live", &[whatsapp("US.2")], "a word of somebody who waits").await;
    close(&suite, &old.conversation_id).await;
    let sent_before = suite.ambient.now() - TimeDelta::seconds(10);
    suite.ambient.clock().advance(TimeDelta::days(20));
    let young = suite.write(line, "young", &[whatsapp("US.3")], "a young word").await;
    close(&suite, &young.conversation_id).await;
    keep(&suite, 30).await;
    suite.ambient.clock().advance(TimeDelta::days(11));
    eventually("the old one is erased", async || {
        let messages = suite.messages(&old.conversation_id).await;
        messages.iter().all(|message| message.content.is_none()).then_some(())
    })
    .await;
    let erased = suite.get(&old.conversation_id).await;
    assert!(erased.erase_time.is_some() && erased.preview.is_empty());
    for kept in [&live, &young] {
        assert!(suite.get(&kept.conversation_id).await.erase_time.is_none());
        assert!(suite.messages(&kept.conversation_id).await[0].content.is_some());
    }

    // The contact stays: who writes again goes on in a new conversation, what comes late goes nowhere.
    let late = item_at("late", vec![whatsapp("US.1")], "a late word", sent_before);
    assert_eq!(stored(suite.ingest(0, line, vec![late]).await.results.remove(0)).message_id, "");
    let next = suite.write(line, "next", &[whatsapp("US.1")], "a new word").await;
    let next = suite.get(&next.conversation_id).await;
    assert_eq!((next.predecessor_id, next.contact_id), (erased.id, erased.contact_id));

    keep(&suite, 0).await;
    suite.ambient.clock().advance(TimeDelta::days(300));
    let beat = suite.write(line, "beat", &[whatsapp("US.4")], "x").await;
    assert!(suite.get(&beat.conversation_id).await.erase_time.is_none());
    assert!(suite.get(&young.conversation_id).await.erase_time.is_none(), "kept for good");
}
