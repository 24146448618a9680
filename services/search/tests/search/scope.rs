//! Nobody finds what they may not see.

use sqlx::{Connection, PgConnection};
use tandem_access::Role;
use tandem_change_feed::ChangeKind;
use tandem_proto::search::v1::*;
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_search::operate::{make_key, rebuild, want_rebuild};
use tonic::Code;
use uuid::Uuid;

use crate::harness::data::{customer, customer_change, gone, id, message, message_change};
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

/// The service needs no more than the key that `tandem search-key` makes, and that key opens nothing else.
#[tokio::test]
async fn a_key_of_its_own_is_enough_and_opens_nothing_else() {
    if !available("a_key_of_its_own_is_enough_and_opens_nothing_else") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    if engine.key.is_empty() {
        eprintln!("SKIPPED a_key_of_its_own_is_enough_and_opens_nothing_else: set MEILISEARCH_KEY");
        return;
    }
    let key = make_key(&engine.url, &engine.key, &world.prefix).await.unwrap();
    let says = |number: u128, text: &str| {
        message_change(Uuid::from_u128(1), message(number, id(100 + number), id(7), text))
    };
    world.messages.push([says(1, "umbrella"), says(2, "umbrella")]);
    let mut service = world.start(&engine.url, &key).await;
    let tenant = Uuid::from_u128(1);
    assert_eq!(service.messages(&world, tenant, "umbrella").await.unwrap().conversations.len(), 2);
    // Deletes, counts, rebuilds and drops what was replaced.
    world.messages.push([gone(tenant, id(1), ChangeKind::Message)]);
    assert_eq!(service.messages(&world, tenant, "umbrella").await.unwrap().conversations.len(), 1);
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    want_rebuild(&mut database, "messages").await.unwrap();
    while rebuild(&mut database, "messages").await.unwrap().unwrap().generation < 2 {
        service.messages(&world, tenant, "umbrella").await.unwrap();
    }
    let status =
        service.client.get_index_status(world.supervisor(tenant, GetIndexStatusRequest {})).await.unwrap();
    assert_eq!(status.into_inner().indexes[0].documents, 1);
    service.stop().await;

    let other = World::new().await;
    let mut stranger = other.start(&engine.url, &key).await;
    other.messages.push([says(1, "umbrella")]);
    let client = reqwest::Client::new();
    for path in ["/keys".to_owned(), format!("/indexes/{}messages_v1_g1/documents", other.prefix)] {
        let answer = client.get(format!("{}{path}", engine.url)).bearer_auth(&key).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{path}");
    }
    let refused = stranger.client.search_messages(other.supervisor(
        tenant,
        SearchMessagesRequest { query: "umbrella".to_owned(), ..SearchMessagesRequest::default() },
    ));
    // Its indexes can't be made with this key: nothing is there, and nothing of the others shows.
    assert!(refused.await.map_or(true, |found| found.into_inner().conversations.is_empty()));
    stranger.stop().await;
}
