//! Change tokens over one hop: who writes in one service reads it in the projection of another.

use std::sync::Arc;

use tandem_access::Role;
use tandem_fault::{Reason, reason_of};
use tandem_proto::assignment::v1::ListHolderHistoryRequest;
use tandem_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::conversation::v1::{GetConversationRequest, IngestMessagesResponse};
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::{Customer, GetCustomerRequest};
use tandem_signed_token::{ChangeToken, ServiceName, Signer};
use tandem_tests::{Kind, Parts, Suite, item, whatsapp};
use tonic::{Code, Status};

/// Both services that follow conversation.
pub const FOLLOWED: Parts =
    Parts { conversations: 2, assignments: 1, customer_profile: true, search: false };

/// The conversation of the first item.
pub fn conversation_of(response: &IngestMessagesResponse) -> String {
    match &response.results[0].outcome {
        Some(Outcome::Stored(stored)) => stored.conversation_id.clone(),
        other => panic!("not stored: {other:?}"),
    }
}

/// Who held a conversation, as assignment knows it: how many changes.
pub async fn history(suite: &Suite, conversation_id: &str, token: &str) -> Result<usize, Status> {
    let channel = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
    let request = ListHolderHistoryRequest {
        conversation_id: conversation_id.to_owned(),
        at_least_as_fresh: vec![token.to_owned()],
    };
    let answer = AssignmentServiceClient::new(channel).list_holder_history(request).await?;
    Ok(answer.into_inner().entries.len())
}

/// The customer behind a conversation, from conversation's own tables.
pub async fn customer_of(suite: &Suite, conversation_id: &str) -> String {
    let mut client = ConversationServiceClient::new(suite.as_role(0, "admin", Role::Admin));
    let request =
        GetConversationRequest { conversation_id: conversation_id.to_owned(), at_least_as_fresh: Vec::new() };
    client.get_conversation(request).await.unwrap().into_inner().contact.unwrap().customer_id
}

/// A customer, as customer-profile knows it.
pub async fn customer(suite: &Suite, customer_id: &str, token: &str) -> Result<Customer, Status> {
    let channel = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let request =
        GetCustomerRequest { customer_id: customer_id.to_owned(), at_least_as_fresh: vec![token.to_owned()] };
    let answer = CustomerServiceClient::new(channel).get_customer(request).await?;
    Ok(answer.into_inner().customer.unwrap())
}

pub fn assert_refused<T>(answer: Result<T, Status>, code: Code, reason: Reason) {
    let Err(status) = answer else { panic!("not refused") };
    assert_eq!((status.code(), reason_of(&status).as_deref()), (code, Some(reason.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_with_the_token_of_a_write_is_never_stale() {
    let suite = Arc::new(Suite::start(FOLLOWED).await);
    let channel = suite.create_channel().await;
    let tasks = (0..6).map(|task: usize| {
        let suite = Arc::clone(&suite);
        tokio::spawn(async move {
            for round in 0..12 {
                let name = format!("t{task}-{round}");
                let who = || vec![whatsapp(&name)];
                let first =
                    suite.ingest(task, channel, vec![item(format!("{name}-1"), who(), "first")]).await;
                let conversation = conversation_of(&first);
                assert!(history(&suite, &conversation, &first.change_token).await.unwrap() > 0);
                let of = customer_of(&suite, &conversation).await;
                let now = customer(&suite, &of, &first.change_token).await.unwrap();
                assert_eq!((now.message_count, now.conversation_count), (1, 1));
                let items =
                    vec![item(format!("{name}-2"), who(), "again"), item(format!("{name}-3"), who(), "?")];
                let more = suite.ingest(task + 1, channel, items).await;
                let now = customer(&suite, &of, &more.change_token).await.unwrap();
                assert_eq!(now.message_count, 3, "stale");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_made_up_is_refused() {
    let suite = Suite::start(FOLLOWED).await;
    let channel = suite.create_channel().await;
    let written = suite.ingest(0, channel, vec![item("one", vec![whatsapp("one")], "words")]).await;
    let (conversation, token) = (conversation_of(&written), written.change_token);
    let of = customer_of(&suite, &conversation).await;
    history(&suite, &conversation, &token).await.unwrap();

    // Not of our making: the caller's error.
    let stranger = Signer::new(&[vec![7; 32]]).unwrap();
    let made_up = ChangeToken { service: ServiceName::Conversation, outbox_id: 1, mark: 1 };
    for forged in [token[1..].to_owned(), format!("{token}x"), "words".to_owned(), made_up.encode(&stranger)]
    {
        let refused = history(&suite, &conversation, &forged).await;
        assert_refused(refused, Code::InvalidArgument, Reason::ChangeTokenInvalid);
        let refused = customer(&suite, &of, &forged).await;
        assert_refused(refused, Code::InvalidArgument, Reason::ChangeTokenInvalid);
    }
    // Well made, of a write that this database never had: as after a restore.
    let key = suite.common(suite.address(Kind::Conversation, 0), "").signing_keys.remove(0);
    let ours = Signer::new(&[key.expose().as_bytes().to_vec()]).unwrap();
    for unknown in [made_up, ChangeToken { outbox_id: i64::MAX, ..made_up }] {
        let token = unknown.encode(&ours);
        assert_refused(history(&suite, &conversation, &token).await, Code::OutOfRange, Reason::CursorGone);
        assert_refused(customer(&suite, &of, &token).await, Code::OutOfRange, Reason::CursorGone);
    }
}
