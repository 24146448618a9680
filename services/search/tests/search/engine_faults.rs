//! An engine that is away, slow or full: callers are told at once, and the indexer loses nothing.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tandem_proto::search::v1::*;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::fake_engine::{FakeEngine, Mood};
use crate::harness::{Service, World};

const TENANT: Uuid = Uuid::from_u128(1);

fn database(name: &str) -> bool {
    let set = std::env::var("TANDEM_TEST_DATABASE_URL").is_ok();
    if !set {
        eprintln!("SKIPPED {name}: set TANDEM_TEST_DATABASE_URL");
    }
    set
}

fn delay(status: &Status) -> Duration {
    status.get_error_details().retry_info().and_then(|info| info.retry_delay).expect("when to come back")
}

#[tokio::test]
async fn an_engine_that_is_away_slow_or_full_is_unavailable() {
    if !database("an_engine_that_is_away_slow_or_full_is_unavailable") {
        return;
    }
    let (world, engine) = (World::new().await, FakeEngine::start(Mood::Works).await);
    world.messages.push([message_change(TENANT, message(1, id(2), id(3), "hello"))]);
    let mut service = world
        .start_with(&engine.url, "", |config| {
            (config.search.request_timeout_ms, config.search.cutoff_ms) = (300, 200);
        })
        .await;
    service.messages(&world, TENANT, "hello").await.unwrap();
    for (mood, seconds) in [(Mood::Silent, 1), (Mood::Full, 7)] {
        engine.set(mood);
        let refused = service.messages(&world, TENANT, "hello").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{mood:?}");
        assert_eq!(delay(&refused), Duration::from_secs(seconds));
        assert!(!refused.message().contains("127.0.0.1"), "{refused:?}");
        let status =
            service.client.get_index_status(world.supervisor(TENANT, GetIndexStatusRequest {})).await;
        assert_eq!(status.unwrap_err().code(), Code::Unavailable);
        let everything =
            SearchRequest { query: "hello".to_owned(), budget_ms: 100, ..SearchRequest::default() };
        let refused = service.client.search(world.supervisor(TENANT, everything)).await.unwrap_err();
        assert_eq!((refused.code(), delay(&refused)), (Code::Unavailable, Duration::from_secs(1)));
    }
    engine.set(Mood::Works);
    service.messages(&world, TENANT, "hello").await.unwrap();
    service.stop().await;

    // Nobody listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut service = world.start(&nowhere, "").await;
    assert_eq!(service.messages(&world, TENANT, "hello").await.unwrap_err().code(), Code::Unavailable);
    service.stop().await;
}

#[tokio::test]
async fn a_poisoned_document_is_set_aside_alone() {
    if !database("a_poisoned_document_is_set_aside_alone") {
        return;
    }
    let (world, engine) = (World::new().await, FakeEngine::start(Mood::Works).await);
    let text = |number| if number == 77 { "POISON" } else { "fine" };
    world
        .messages
        .push((1..=300).map(|number| message_change(TENANT, message(number, id(2), id(3), text(number)))));
    let mut service = world.start(&engine.url, "").await;
    service.messages(&world, TENANT, "fine").await.unwrap();
    assert_eq!(engine.documents(), 299);
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    let poison: Vec<(Uuid, String, String)> =
        sqlx::query_as("SELECT tenant_id, document_id, reason FROM poison")
            .fetch_all(&mut database)
            .await
            .unwrap();
    let [(tenant, document, reason)] = &poison[..] else { panic!("{poison:?}") };
    assert_eq!((*tenant, reason.as_str()), (TENANT, "invalid_document_id"));
    assert!(document.ends_with(&id(77).simple().to_string()));
    assert_eq!(set_aside(&world, &mut service, TENANT).await, 1, "told to who asks for the index");
    assert_eq!(set_aside(&world, &mut service, Uuid::from_u128(2)).await, 0, "and to nobody else");
    // A good state of it heals it.
    world.messages.push([message_change(TENANT, message(77, id(2), id(3), "fine again"))]);
    service.messages(&world, TENANT, "fine").await.unwrap();
    assert_eq!(engine.documents(), 300);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM poison").fetch_one(&mut database).await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(set_aside(&world, &mut service, TENANT).await, 0);
    service.stop().await;
}

async fn set_aside(world: &World, service: &mut Service, tenant: Uuid) -> i64 {
    let asked = world.supervisor(tenant, GetIndexStatusRequest {});
    let status = service.client.get_index_status(asked).await.unwrap().into_inner();
    status.indexes.iter().find(|index| index.name == "messages").unwrap().set_aside
}

#[tokio::test]
async fn an_index_that_stands_still_says_how_far_it_is_behind() {
    if !database("an_index_that_stands_still_says_how_far_it_is_behind") {
        return;
    }
    let (world, engine) = (World::new().await, FakeEngine::start(Mood::Works).await);
    world.messages.push([message_change(TENANT, message(1, id(2), id(3), "hello"))]);
    let mut service = world.start(&engine.url, "").await;
    service.messages(&world, TENANT, "hello").await.unwrap();
    engine.set(Mood::WritesFull);
    world
        .messages
        .push((2..=41).map(|number| message_change(TENANT, message(number, id(2), id(3), "hello"))));
    let lag = async |service: &mut crate::harness::Service| {
        let request = SearchMessagesRequest { query: "hello".to_owned(), ..SearchMessagesRequest::default() };
        let found = service.client.search_messages(world.supervisor(TENANT, request)).await.unwrap();
        found.into_inner().index_lag.unwrap()
    };
    loop {
        let lag = lag(&mut service).await;
        if lag.changes == 40 && lag.seconds > 0.0 {
            break;
        }
    }
    engine.set(Mood::Works);
    service.messages(&world, TENANT, "hello").await.unwrap();
    assert_eq!(lag(&mut service).await, IndexLag::default());
    assert_eq!(engine.documents(), 41);
    service.stop().await;
}
