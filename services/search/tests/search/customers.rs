//! Customers are found by any part of a name and any part of a number.

use std::sync::atomic::Ordering;

use tandem_change_feed::ChangeKind;
use tandem_proto::search::v1::{GetIndexStatusRequest, SearchCustomersRequest, SearchRequest, SearchSection};
use uuid::Uuid;

use crate::harness::data::{customer, customer_change, gone, id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::{Service, World, available};

const TENANT: Uuid = Uuid::from_u128(1);

async fn names(service: &mut Service, world: &World, query: &str) -> Vec<String> {
    let request = SearchCustomersRequest {
        query: query.to_owned(),
        at_least_as_fresh: world.fresh(),
        ..SearchCustomersRequest::default()
    };
    let found = service.client.search_customers(world.supervisor(TENANT, request)).await.unwrap();
    found.into_inner().customers.into_iter().map(|customer| customer.display_name).collect()
}

#[tokio::test]
async fn by_names_numbers_and_addresses() {
    if !available("by_names_numbers_and_addresses") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let people = [
        ("María González", "+34 612 345 678"),
        ("Gonzalo Marín", "maring@example.org"),
        ("Анна Иванова", "+79165550123"),
        ("山田太郎", "+81 90-1234-5678"),
        ("김민수", "+82 10 9876 5432"),
        ("محمد علي", "+971501112223"),
        ("O'Brien Smith-Jones", "+1 (415) 555-0199"),
    ];
    let changes = people.iter().enumerate().map(|(at, (name, address))| {
        customer_change(TENANT, customer(at as u128 + 1, name, &[(id(7), address)]))
    });
    world.customers.push(changes);
    let mut service = world.start(&engine.url, &engine.key).await;
    let mut missed = Vec::new();
    for (query, expected) in [
        ("maria", "María González"),
        ("mar gonzález", "María González"),
        ("gonzále mari", "María González"),
        ("GONZALEZ", "María González"),
        ("gonzales", "María González"),
        ("Gonzalo", "Gonzalo Marín"),
        ("maring", "Gonzalo Marín"),
        ("maring@example", "Gonzalo Marín"),
        ("иван", "Анна Иванова"),
        ("анна иван", "Анна Иванова"),
        ("山田", "山田太郎"),
        ("太郎", "山田太郎"),
        ("민수", "김민수"),
        ("علي", "محمد علي"),
        ("brien", "O'Brien Smith-Jones"),
        ("jones smi", "O'Brien Smith-Jones"),
        ("5550123", "Анна Иванова"),
        ("916-555", "Анна Иванова"),
        ("8 (916) 555-01-23", "Анна Иванова"),
        ("٩١٦٥٥٥", "Анна Иванова"),
        ("0034612345678", "María González"),
        ("2345", "María González"),
        ("090-1234-5678", "山田太郎"),
        ("(415) 555", "O'Brien Smith-Jones"),
        ("0199", "O'Brien Smith-Jones"),
    ] {
        let found = names(&mut service, &world, query).await;
        if found.first().map(String::as_str) != Some(expected)
            && !(query == "2345" && found.contains(&expected.to_owned()))
        {
            missed.push(format!("{query}: {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(names(&mut service, &world, "99999").await.is_empty());
    assert!(names(&mut service, &world, "zzzzqq").await.is_empty());
    service.stop().await;
}

#[tokio::test]
async fn changes_merges_and_erasure_reach_the_index() {
    if !available("changes_merges_and_erasure_reach_the_index") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    world.customers.push([
        customer_change(TENANT, customer(1, "Alpha", &[(id(7), "+15550001111")])),
        customer_change(TENANT, customer(2, "Bravo", &[])),
        customer_change(TENANT, customer(3, "Charlie", &[])),
        customer_change(Uuid::from_u128(2), customer(1, "Alpha Elsewhere", &[])),
    ]);
    let mut service = world.start(&engine.url, &engine.key).await;
    assert_eq!(names(&mut service, &world, "alpha").await, ["Alpha"]);
    let mut merged = customer(2, "Bravo", &[]);
    merged.merged_into_id = id(1).to_string();
    world.customers.push([
        customer_change(TENANT, customer(1, "Renamed", &[(id(7), "+15550002222")])),
        customer_change(TENANT, merged),
        gone(TENANT, id(3), ChangeKind::Customer),
    ]);
    for (query, expected) in
        [("alpha", 0), ("bravo", 0), ("charlie", 0), ("renamed", 1), ("0001111", 0), ("0002222", 1)]
    {
        assert_eq!(names(&mut service, &world, query).await.len(), expected, "{query}");
    }
    let status = service.client.get_index_status(world.supervisor(TENANT, GetIndexStatusRequest {})).await;
    let status = status.unwrap().into_inner();
    let customers = status.indexes.iter().find(|index| index.name == "customers").unwrap();
    assert_eq!((customers.documents, customers.rebuilding), (1, false));
    service.stop().await;
}

#[tokio::test]
async fn what_does_not_answer_within_the_budget_is_named() {
    if !available("what_does_not_answer_within_the_budget_is_named") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    world.customers.push([customer_change(TENANT, customer(1, "Alpha", &[(id(7), "+15550001111")]))]);
    world.messages.push([message_change(TENANT, message(1, id(2), id(7), "alpha"))]);
    let mut service = world.start(&engine.url, &engine.key).await;
    let ask = |budget_ms| SearchRequest {
        query: "alpha".to_owned(),
        budget_ms,
        at_least_as_fresh: world.fresh(),
        ..SearchRequest::default()
    };
    let found = service.client.search(world.supervisor(TENANT, ask(0))).await.unwrap().into_inner();
    assert_eq!((found.customers.len(), found.messages.len(), found.missing.len()), (1, 1, 0));
    world.conversation.list_hangs.store(true, Ordering::SeqCst);
    let found = service.client.search(world.supervisor(TENANT, ask(400))).await.unwrap().into_inner();
    assert_eq!((found.customers.len(), found.messages.len()), (1, 1));
    assert_eq!(found.missing, [i32::from(SearchSection::Conversations)]);
    service.stop().await;
}
