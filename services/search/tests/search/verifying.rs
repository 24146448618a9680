//! What is wrong in an index is found and mended; what only changes meanwhile is not taken for wrong.

use meilisearch_sdk::client::Client;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tandem_change_feed::{Change, ChangeKind};
use tandem_search::operate::{Verification, rebuild, verification, want_verification};
use uuid::Uuid;

use crate::harness::data::{customer, customer_change, gone, id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::{World, available};

const TENANT: Uuid = Uuid::from_u128(1);
/// Pages of the fake feed are in the order of the entities' ids: this one's are higher.
const OTHER: Uuid = Uuid::from_u128(2);

fn says(number: u128, text: &str) -> Change {
    let tenant = if number > 5_000 { OTHER } else { TENANT };
    message_change(tenant, message(number, id(10_000 + number), id(7), text))
}

/// The index of messages in the engine, at hand.
struct Tampering {
    client: Client,
    uid: String,
}

impl Tampering {
    async fn new(engine: &TestEngine, database: &mut PgConnection) -> Self {
        let uid = sqlx::query_scalar("SELECT uid FROM search_index WHERE name = 'messages'")
            .fetch_one(database)
            .await
            .unwrap();
        Self { client: Client::new(&engine.url, Some(&engine.key)).unwrap(), uid }
    }

    async fn remove(&self, tenant: Uuid, number: u128) {
        let index = self.client.index(&self.uid);
        let task = index.delete_document(document(tenant, number)).await.unwrap();
        assert!(task.wait_for_completion(&self.client, None, None).await.unwrap().is_success());
    }

    /// Changes fields of a document, or makes it.
    async fn change(&self, tenant: Uuid, number: u128, text: &str) {
        let index = self.client.index(&self.uid);
        let fields = json!({ "id": document(tenant, number), "tenant_id": tenant, "text": text });
        let task = index.add_or_update(&[fields], Some("id")).await.unwrap();
        assert!(task.wait_for_completion(&self.client, None, None).await.unwrap().is_success());
    }
}

fn document(tenant: Uuid, number: u128) -> String {
    format!("{}_{}", tenant.simple(), id(number).simple())
}

async fn verified(database: &mut PgConnection, name: &str) -> Verification {
    loop {
        let found = verification(database, name).await.unwrap().unwrap();
        if found.ended {
            return found;
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_found_and_mended() {
    if !available("what_is_wrong_is_found_and_mended") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    assert!(!want_verification(&mut database, "messages", false).await.unwrap(), "nothing is indexed yet");
    // Three pages of one tenant, the last of which begins another one; deleted ones have no document.
    world.messages.push((1..=1_100).chain(5_001..=5_100).map(|number| says(number, "umbrella")));
    let mut deleted = message(50, id(10_050), id(7), "");
    (deleted.content, deleted.delete_time) = (None, Some(prost_types::Timestamp::default()));
    world.messages.push([message_change(TENANT, deleted), gone(TENANT, id(51), ChangeKind::Message)]);
    world.customers.push([customer_change(TENANT, customer(1, "Ana", &[]))]);
    let mut service = world.start(&engine.url, &engine.key).await;
    service.messages(&world, TENANT, "umbrella").await.unwrap();

    for name in ["messages", "customers"] {
        assert!(want_verification(&mut database, name, false).await.unwrap());
    }
    let found = verified(&mut database, "messages").await;
    let numbers = |found: &Verification| (found.documents, found.missing, found.different, found.surplus);
    assert_eq!(numbers(&found), (1_198, 0, 0, 0), "{found:?}");
    assert_eq!(numbers(&verified(&mut database, "customers").await), (1, 0, 0, 0));

    let tampering = Tampering::new(&engine, &mut database).await;
    tampering.remove(TENANT, 7).await;
    tampering.remove(TENANT, 1_099).await;
    tampering.remove(OTHER, 5_100).await;
    tampering.change(TENANT, 600, "parasol").await;
    // Deleted and still shown by the snapshot, gone from it, and of tenants that are known and not known.
    tampering.change(TENANT, 50, "umbrella").await;
    tampering.change(TENANT, 51, "umbrella").await;
    tampering.change(OTHER, 9_000, "umbrella").await;
    tampering.change(Uuid::from_u128(3), 9_001, "umbrella").await;
    sqlx::query("INSERT INTO poison VALUES ($1, 'messages', $2, 'too large', now())")
        .bind(OTHER)
        .bind(document(OTHER, 5_100))
        .execute(&mut database)
        .await
        .unwrap();
    assert!(want_verification(&mut database, "messages", false).await.unwrap());
    let found = verified(&mut database, "messages").await;
    assert_eq!((numbers(&found), found.set_aside), ((1_198, 2, 1, 4), 1), "{found:?}");
    for example in [
        format!("missing: {}", document(TENANT, 7)),
        format!("different: {}", document(TENANT, 600)),
        format!("too many: {}", document(TENANT, 50)),
        format!("1 too many of tenant {OTHER}"),
    ] {
        assert!(found.examples.contains(&example), "{example} in {found:?}");
    }
    assert!(!rebuild(&mut database, "messages").await.unwrap().unwrap().wanted, "nobody asked for more");

    assert!(want_verification(&mut database, "messages", true).await.unwrap());
    assert_eq!(verified(&mut database, "messages").await.wrong(), 7);
    while rebuild(&mut database, "messages").await.unwrap().unwrap().generation == 1 {}
    assert!(want_verification(&mut database, "messages", true).await.unwrap());
    let found = verified(&mut database, "messages").await;
    assert_eq!((numbers(&found), found.set_aside), ((1_198, 0, 0, 0), 0), "{found:?}");
    service.stop().await;
}

#[tokio::test]
async fn what_changes_meanwhile_is_not_wrong_and_a_walk_that_is_cut_off_goes_on() {
    if !available("what_changes_meanwhile_is_not_wrong_and_a_walk_that_is_cut_off_goes_on") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    world.messages.push((1..=3_000).map(|number| says(number, "umbrella")));
    // It rests ninety-nine parts of its time: it does not end before it is cut off.
    let mut service =
        world.start_with(&engine.url, &engine.key, |config| config.search.rebuild_share = 0.01).await;
    service.messages(&world, TENANT, "umbrella").await.unwrap();
    let tampering = Tampering::new(&engine, &mut database).await;
    tampering.remove(TENANT, 1).await;
    assert!(want_verification(&mut database, "messages", false).await.unwrap());
    loop {
        let walk = verification(&mut database, "messages").await.unwrap().unwrap();
        if walk.documents > 0 {
            assert!(!walk.ended && walk.missing == 1, "{walk:?}");
            break;
        }
    }
    service.stop().await;
    // What was walked over is mended meanwhile, which the walk that goes on does not see.
    tampering.change(TENANT, 1, "mended by hand").await;

    let mut service = world.start(&engine.url, &engine.key).await;
    let mut edits = 0;
    let found = loop {
        // Edited, added and deleted all the while, on pages that were compared and on those that come.
        for number in [2, 1_499, 2_999] {
            edits += 1;
            world.messages.push([
                says(number, &format!("parasol {edits}")),
                says(3_000 + edits, "gazebo"),
                gone(TENANT, id(100 + edits), ChangeKind::Message),
            ]);
        }
        service.messages(&world, TENANT, "parasol").await.unwrap();
        let found = verification(&mut database, "messages").await.unwrap().unwrap();
        if found.ended {
            break found;
        }
    };
    assert_eq!((found.missing, found.different, found.surplus, found.unsettled), (1, 0, 0, 0), "{found:?}");
    assert!(found.documents > 2_000, "{found:?}");
    service.stop().await;
}
