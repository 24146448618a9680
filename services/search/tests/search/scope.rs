//! Nobody finds what they may not see.

use tandem_access::Role;
use tandem_proto::search::v1::*;
use tandem_proto::r#type::v1::ConversationFilter;
use tonic::Code;
use uuid::Uuid;

use crate::harness::data::{customer, customer_change, id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::fake_conversation::FakeThread;
use crate::harness::{World, available, conversations};

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

#[tokio::test]
async fn tenants_and_channels_are_walls() {
    if !available("tenants_and_channels_are_walls") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    // The same ids everywhere: two tenants, two channels each.
    for tenant in [ONE, TWO] {
        for channel in [7u128, 8] {
            let conversation = id(channel * 100);
            world.messages.push([message_change(
                tenant,
                message(channel, conversation, id(channel), &format!("refund of tenant {tenant}")),
            )]);
            world.customers.push([customer_change(
                tenant,
                customer(channel, &format!("Ana {tenant}"), &[(id(channel), "+15550001111")]),
            )]);
            world.conversation.threads.lock().unwrap().push(FakeThread {
                tenant,
                id: conversation,
                channel: id(channel),
                status: 2,
            });
        }
    }
    world.customers.push([customer_change(ONE, customer(9, "Ana Alone", &[]))]);
    world.customers.push([customer_change(
        ONE,
        customer(10, "Ana Both", &[(id(7), "+15550003333"), (id(8), "+15550004444")]),
    )]);
    world
        .conversation
        .scopes
        .lock()
        .unwrap()
        .extend([("seven".to_owned(), vec![id(7)]), ("none".to_owned(), vec![])]);
    let mut service = world.start(&engine.url, &engine.key).await;

    let open = ConversationFilter { statuses: vec![2], ..ConversationFilter::default() };
    for filter in [None, Some(open)] {
        for (subject, expected) in
            [("boss", vec![id(800), id(700)]), ("seven", vec![id(700)]), ("none", vec![])]
        {
            let request = SearchMessagesRequest {
                query: "refund".to_owned(),
                filter: filter.clone(),
                at_least_as_fresh: world.fresh(),
                ..SearchMessagesRequest::default()
            };
            let found =
                service.client.search_messages(world.request(ONE, subject, Role::Agent, request)).await;
            let found = found.unwrap().into_inner();
            assert_eq!(conversations(&found), expected, "{subject}");
            for hit in found.conversations.iter().flat_map(|group| &group.hits) {
                assert!(hit.text.contains(&ONE.to_string()));
            }
        }
    }
    for (subject, expected) in [("boss", 4), ("seven", 3), ("none", 1)] {
        let request = SearchCustomersRequest {
            query: "ana".to_owned(),
            at_least_as_fresh: world.fresh(),
            ..SearchCustomersRequest::default()
        };
        let found = service.client.search_customers(world.request(ONE, subject, Role::Agent, request)).await;
        let found = found.unwrap().into_inner().customers;
        assert_eq!(found.len(), expected, "{subject}");
        if subject == "seven" {
            assert!(
                found
                    .iter()
                    .flat_map(|customer| &customer.contacts)
                    .all(|contact| contact.channel_id == id(7).to_string())
            );
        }
        let status = service.client.get_index_status(world.request(
            ONE,
            subject,
            Role::Agent,
            GetIndexStatusRequest {},
        ));
        let counts: Vec<i64> =
            status.await.unwrap().into_inner().indexes.iter().map(|index| index.documents).collect();
        let messages = match subject {
            "boss" => 2,
            "seven" => 1,
            _ => 0,
        };
        assert_eq!(counts, [messages, i64::try_from(expected).unwrap()], "{subject}");
    }
    service.stop().await;
}

#[tokio::test]
async fn callers_without_a_role_and_wrong_questions_are_refused() {
    if !available("callers_without_a_role_and_wrong_questions_are_refused") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut service = world.start(&engine.url, &engine.key).await;
    let request = SearchMessagesRequest { query: "x".to_owned(), ..SearchMessagesRequest::default() };
    let refused = service.client.search_messages(tonic::Request::new(request.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = service
        .client
        .search_messages(world.request(ONE, "adapter", Role::Channel, request))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let wrong = SearchMessagesRequest {
        query: " ".to_owned(),
        page_size: 51,
        authors: vec![0],
        author_agent_ids: vec!["x".to_owned()],
        filter: Some(ConversationFilter { text: "x".to_owned(), ..ConversationFilter::default() }),
        ..SearchMessagesRequest::default()
    };
    let refused = service.client.search_messages(world.supervisor(ONE, wrong)).await.unwrap_err();
    let details = tonic_types::StatusExt::get_error_details(&refused);
    let fields: Vec<&str> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["query", "page_size", "filter.text", "authors[0]", "author_agent_ids[0]"]);

    // What only conversation can find wrong comes back as its own words.
    let filter = Some(ConversationFilter { waiting: Some(true), ..ConversationFilter::default() });
    let request = SearchMessagesRequest { query: "x".to_owned(), filter, ..SearchMessagesRequest::default() };
    let refused = service.client.search_messages(world.supervisor(ONE, request)).await.unwrap_err();
    let details = tonic_types::StatusExt::get_error_details(&refused);
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "filter.waiting");

    let request = SearchMessagesRequest {
        query: "x".to_owned(),
        page_token: "made-up".to_owned(),
        ..Default::default()
    };
    let refused = service.client.search_messages(world.supervisor(ONE, request)).await.unwrap_err();
    assert_eq!(tandem_fault::reason_of(&refused).as_deref(), Some("PAGE_TOKEN_INVALID"));
    service.stop().await;
}
