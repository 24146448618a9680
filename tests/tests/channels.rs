//! Channels: deleted only when nothing lives on them, and adapters that fall silent are seen.

use std::sync::Arc;

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::{
    ChannelState, CloseConversationRequest, DeleteChannelRequest, DeleteChannelResponse,
    GetChannelHealthRequest, GetChannelHealthResponse, ListConversationsRequest, ReopenConversationRequest,
    StartConversationRequest, UpdateChannelRequest,
};
use tandem_tests::{Parts, Suite, agent_text, fact, item_at, refused, whatsapp};
use tonic::{Code, Status};
use uuid::Uuid;

fn channels(suite: &Suite, replica: usize) -> ChannelServiceClient<InternalChannel> {
    ChannelServiceClient::new(suite.as_role(replica, "admin", Role::Admin))
}

async fn delete(suite: &Suite, replica: usize, channel: Uuid) -> Result<DeleteChannelResponse, Status> {
    let request = DeleteChannelRequest {
        request_id: suite.request_id(),
        channel_id: channel.to_string(),
        etag: String::new(),
    };
    channels(suite, replica).delete_channel(request).await.map(tonic::Response::into_inner)
}

async fn close(suite: &Suite, conversation_id: &str) {
    let request = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: conversation_id.to_owned(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(request).await.unwrap();
}

async fn health(suite: &Suite, channel: Uuid) -> GetChannelHealthResponse {
    let request = GetChannelHealthRequest { channel_id: channel.to_string() };
    channels(suite, 1).get_channel_health(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_deleted_when_nothing_lives_on_it_and_its_history_stays() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let who = [whatsapp("US.1")];
    let id = suite.write(channel, "m1", &who, "hello").await.conversation_id;
    let status = refused(delete(&suite, 0, channel).await, Code::FailedPrecondition, "CONVERSATION_LIVE");
    assert_eq!(fact(&status, "conversation_id"), id);
    close(&suite, &id).await;
    let request = |etag: &str| DeleteChannelRequest {
        request_id: suite.request_id(),
        channel_id: channel.to_string(),
        etag: etag.to_owned(),
    };
    let stale = channels(&suite, 0).delete_channel(request("7")).await;
    refused(stale, Code::Aborted, "ETAG_MISMATCH");
    let first = request("1");
    let deleted = channels(&suite, 0).delete_channel(first.clone()).await.unwrap().into_inner();
    assert_eq!(deleted.channel.as_ref().unwrap().state(), ChannelState::Deleted);
    // The same request again, and another one: nothing more to do.
    assert_eq!(channels(&suite, 1).delete_channel(first).await.unwrap().into_inner(), deleted);
    assert_eq!(delete(&suite, 1, channel).await.unwrap().channel, deleted.channel);
    // Nothing comes in or goes out, and nothing begins or comes back.
    let mut ingest = tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient::new(
        suite.as_adapter(1, channel),
    );
    let request = tandem_proto::conversation::v1::IngestMessagesRequest {
        channel_id: channel.to_string(),
        items: vec![item_at("m2", who.to_vec(), "anybody?", suite.ambient.now())],
    };
    refused(ingest.ingest_messages(request).await, Code::FailedPrecondition, "CHANNEL_DISABLED");
    let reopen = ReopenConversationRequest { request_id: suite.request_id(), conversation_id: id.clone() };
    let reopened = suite.as_agent(0, 0).reopen_conversation(reopen).await;
    refused(reopened, Code::FailedPrecondition, "CHANNEL_DISABLED");
    let start = StartConversationRequest {
        request_id: suite.request_id(),
        channel_id: channel.to_string(),
        identities: who.to_vec(),
        contents: agent_text("hello?"),
        ..StartConversationRequest::default()
    };
    let started = suite.as_agent(0, 0).start_conversation(start).await;
    refused(started, Code::FailedPrecondition, "CHANNEL_DISABLED");
    let enable = UpdateChannelRequest {
        request_id: suite.request_id(),
        channel: Some(tandem_proto::conversation::v1::Channel {
            state: ChannelState::Enabled.into(),
            ..deleted.channel.unwrap()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["state".to_owned()] }),
    };
    refused(channels(&suite, 0).update_channel(enable).await, Code::FailedPrecondition, "CHANNEL_DISABLED");
    // The history stays in reach.
    assert_eq!(suite.messages(&id).await.len(), 1);
    let rows = suite.as_admin().list_conversations(ListConversationsRequest::default()).await.unwrap();
    assert_eq!(rows.into_inner().rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_message_and_the_deletion_at_once_never_both_win() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let (mut deleted_first, mut stored_first) = (0, 0);
    for round in 0..40 {
        let channel = suite.create_channel().await;
        let mut ingest = tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient::new(
            suite.as_adapter(0, channel),
        );
        let request = tandem_proto::conversation::v1::IngestMessagesRequest {
            channel_id: channel.to_string(),
            items: vec![item_at(format!("m{round}"), vec![whatsapp("US.1")], "hello", suite.ambient.now())],
        };
        let (ingested, deleted) = tokio::join!(ingest.ingest_messages(request), delete(&suite, 1, channel));
        match (ingested, deleted) {
            (Ok(_), Err(status)) => {
                refused::<()>(Err(status), Code::FailedPrecondition, "CONVERSATION_LIVE");
                stored_first += 1;
            }
            (Err(status), Ok(_)) => {
                refused::<()>(Err(status), Code::FailedPrecondition, "CHANNEL_DISABLED");
                deleted_first += 1;
            }
            both => panic!("{both:?}"),
        }
    }
    println!("deleted first {deleted_first}, stored first {stored_first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_falls_silent_is_seen() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let unseen = health(&suite, channel).await;
    assert_eq!((unseen.last_seen_time, unseen.queue_length, unseen.oldest_queued_time), (None, 0, None));
    let mut written = Vec::new();
    for number in 0..3 {
        let who = [whatsapp(&format!("US.{number}"))];
        let id = suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id;
        suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["one", "two"])).await.unwrap();
        written.push(suite.messages(&id).await.remove(1).store_time);
        suite.ambient.clock().advance(TimeDelta::minutes(5));
    }
    // Ingest was the last that was heard of it, five minutes and more ago.
    let silent = health(&suite, channel).await;
    let (seen, now) = (silent.last_seen_time.unwrap().seconds, silent.time.unwrap().seconds);
    assert!((300..=360).contains(&(now - seen)) && seen % 60 == 0, "to the minute: {seen} at {now}");
    assert_eq!((silent.queue_length, silent.queue_length_at_least), (6, false));
    assert_eq!(silent.oldest_queued_time, written[0]);
    let adapter = suite.adapter(1, channel);
    let leased = adapter.pull(10, false).await;
    assert_eq!(health(&suite, channel).await.queue_length, 6, "a lease is no departure");
    for item in &leased {
        adapter.begin(item).await.unwrap();
    }
    adapter.retry(&leased[0], 60).await.unwrap();
    let after = health(&suite, channel).await;
    assert_eq!((after.queue_length, after.oldest_queued_time), (4, written[0]), "tried, and it waits again");
    assert!(now - after.last_seen_time.unwrap().seconds < 60);
    // Another process and the same minute write no more; the next minute does.
    suite.adapter(0, channel).pull(10, false).await;
    suite.ambient.clock().advance(TimeDelta::minutes(1));
    suite.adapter(0, channel).pull(10, false).await;
    let later = health(&suite, channel).await.last_seen_time.unwrap().seconds;
    assert_eq!(later - after.last_seen_time.unwrap().seconds, 60);
}
