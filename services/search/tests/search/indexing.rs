//! The index follows the feed: deletions, rebuilds, and a change of the process that writes.

use chrono::TimeDelta;
use sqlx::{Connection, PgConnection};
use tandem_change_feed::ChangeKind;
use tandem_proto::search::v1::{GetIndexStatusRequest, SearchMessagesRequest, SearchMessagesResponse};
use tandem_search::operate::{rebuild, want_rebuild};
use uuid::Uuid;

use crate::harness::data::{gone, id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::fake_feed::noise;
use crate::harness::{World, available, conversations};

const TENANT: Uuid = Uuid::from_u128(1);

#[tokio::test]
async fn edits_and_deletions_reach_the_index() {
    if !available("edits_and_deletions_reach_the_index") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut service = world.start(&engine.url, &engine.key).await;
    let nothing = service.messages(&world, TENANT, "anything").await.unwrap();
    assert!(nothing.conversations.is_empty() && !nothing.partial && nothing.next_page_token.is_empty());

    let says =
        |number: u128, text: &str| message_change(TENANT, message(number, id(100 + number), id(7), text));
    world.messages.push([says(1, "umbrella"), says(2, "umbrella"), says(3, "umbrella"), noise(TENANT)]);
    assert_eq!(
        conversations(&service.messages(&world, TENANT, "umbrella").await.unwrap()),
        [id(103), id(102), id(101)]
    );

    let mut deleted = message(2, id(102), id(7), "");
    (deleted.content, deleted.delete_time) = (None, Some(prost_types::Timestamp::default()));
    world.messages.push([
        says(1, "parasol"),
        message_change(TENANT, deleted),
        gone(TENANT, id(3), ChangeKind::Message),
        noise(TENANT),
    ]);
    assert!(conversations(&service.messages(&world, TENANT, "umbrella").await.unwrap()).is_empty());
    assert_eq!(conversations(&service.messages(&world, TENANT, "parasol").await.unwrap()), [id(101)]);
    service.stop().await;
}

#[tokio::test]
async fn a_lost_cursor_rebuilds_beside_the_live_index() {
    if !available("a_lost_cursor_rebuilds_beside_the_live_index") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let says =
        |number: u128, text: &str| message_change(TENANT, message(number, id(100 + number), id(7), text));
    world.messages.push((1..=900).map(|number| says(number, "umbrella")));
    let mut service = world.start(&engine.url, &engine.key).await;
    assert_eq!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.len(), 20);
    // The restored database knows less, and other things.
    world.messages.restore((1..=700).map(|number| says(number, "parasol")));
    loop {
        let request =
            SearchMessagesRequest { query: "umbrella".to_owned(), ..SearchMessagesRequest::default() };
        let found = service.client.search_messages(world.supervisor(TENANT, request)).await;
        let found = found.expect("no search fails meanwhile").into_inner();
        if found.conversations.is_empty() {
            break;
        }
        assert_eq!(found.conversations.len(), 20, "the live index is whole until the swap");
    }
    assert_eq!(service.messages(&world, TENANT, "parasol").await.unwrap().conversations.len(), 20);
    let status =
        service.client.get_index_status(world.supervisor(TENANT, GetIndexStatusRequest {})).await.unwrap();
    let messages = status.into_inner().indexes.into_iter().find(|index| index.name == "messages").unwrap();
    assert_eq!((messages.documents, messages.rebuilding), (700, false));
    world.messages.push([says(5000, "gazebo")]);
    assert_eq!(service.messages(&world, TENANT, "gazebo").await.unwrap().conversations.len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn a_rebuild_keeps_nothing_fresh_waiting_and_is_whole_though_it_was_cut_off() {
    if !available("a_rebuild_keeps_nothing_fresh_waiting_and_is_whole_though_it_was_cut_off") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let says =
        |number: u128, text: &str| message_change(TENANT, message(number, id(10_000 + number), id(7), text));
    world.messages.push((1..=3_000).map(|number| says(number, "umbrella")));
    // It rests ninety-nine parts of its time: it does not end while this test asks.
    let mut service =
        world.start_with(&engine.url, &engine.key, |config| config.search.rebuild_share = 0.01).await;
    assert_eq!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.len(), 20);
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    assert!(want_rebuild(&mut database, "messages").await.unwrap());
    let begun = loop {
        let state = rebuild(&mut database, "messages").await.unwrap().unwrap();
        if state.rebuilt > 0 {
            break state;
        }
    };
    assert_eq!((begun.generation, begun.wanted, begun.running, begun.of), (1, false, true, 3_000));

    // What is written, edited and deleted meanwhile is found at once, in what was rebuilt already and in what was not.
    for number in [1, 2_999] {
        world.messages.push([
            says(5_000 + number, "gazebo"),
            says(number, "parasol"),
            gone(TENANT, id(number + 1), ChangeKind::Message),
        ]);
    }
    let found = |answer: SearchMessagesResponse| {
        let mut ids = conversations(&answer);
        ids.sort_unstable();
        ids
    };
    let edited = [id(10_001), id(12_999)];
    for (word, expected) in [("gazebo", [id(15_001), id(17_999)]), ("parasol", edited)] {
        assert_eq!(found(service.messages(&world, TENANT, word).await.unwrap()), expected);
    }
    let state = rebuild(&mut database, "messages").await.unwrap().unwrap();
    assert!(state.running && state.generation == 1, "it was asked while the rebuild ran");

    // Cut off, and gone on with by the next process.
    service.stop().await;
    let mut service =
        world.start_with(&engine.url, &engine.key, |config| config.search.rebuild_share = 1.0).await;
    loop {
        let request =
            SearchMessagesRequest { query: "parasol".to_owned(), ..SearchMessagesRequest::default() };
        let answer = service.client.search_messages(world.supervisor(TENANT, request)).await;
        assert_eq!(found(answer.expect("no search fails meanwhile").into_inner()), edited);
        let state = rebuild(&mut database, "messages").await.unwrap().unwrap();
        if !state.running {
            assert_eq!(state.generation, 2, "it did not begin again");
            break;
        }
    }
    let status =
        service.client.get_index_status(world.supervisor(TENANT, GetIndexStatusRequest {})).await.unwrap();
    let messages = status.into_inner().indexes.into_iter().find(|index| index.name == "messages").unwrap();
    assert_eq!((messages.documents, messages.rebuilding), (3_000, false));
    for (word, expected) in [("gazebo", [id(15_001), id(17_999)]), ("parasol", edited)] {
        assert_eq!(found(service.messages(&world, TENANT, word).await.unwrap()), expected);
    }
    service.stop().await;
}

#[tokio::test]
async fn a_rebuild_that_another_release_began_is_followed_by_one_of_this() {
    if !available("a_rebuild_that_another_release_began_is_followed_by_one_of_this") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let says = |number: u128| message_change(TENANT, message(number, id(10_000 + number), id(7), "umbrella"));
    world.messages.push((1..=1_200).map(says));
    let mut service =
        world.start_with(&engine.url, &engine.key, |config| config.search.rebuild_share = 0.01).await;
    service.messages(&world, TENANT, "umbrella").await.unwrap();
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    want_rebuild(&mut database, "messages").await.unwrap();
    while rebuild(&mut database, "messages").await.unwrap().unwrap().rebuilt == 0 {}
    service.stop().await;
    let begun: String = sqlx::query_scalar(
        "UPDATE search_index SET building_uid = building_uid || '_other' WHERE name = 'messages' RETURNING building_uid",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    let mut service =
        world.start_with(&engine.url, &engine.key, |config| config.search.rebuild_share = 1.0).await;
    loop {
        let state = rebuild(&mut database, "messages").await.unwrap().unwrap();
        if state.generation == 3 && !state.running {
            break;
        }
        service.messages(&world, TENANT, "umbrella").await.expect("no search fails meanwhile");
    }
    let live: String = sqlx::query_scalar("SELECT uid FROM search_index WHERE name = 'messages'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert!(live.ends_with("_g3") && live != begun, "{live}");
    assert_eq!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.len(), 20);
    service.stop().await;
}

#[tokio::test]
async fn an_index_of_an_older_release_is_rebuilt_though_nothing_changes() {
    if !available("an_index_of_an_older_release_is_rebuilt_though_nothing_changes") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    world.messages.push([message_change(TENANT, message(1, id(101), id(7), "umbrella"))]);
    let mut service = world.start(&engine.url, &engine.key).await;
    assert_eq!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.len(), 1);
    service.stop().await;
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    sqlx::query("UPDATE search_index SET shape = shape - 1, settings = '{}'")
        .execute(&mut database)
        .await
        .unwrap();
    let mut service = world.start(&engine.url, &engine.key).await;
    loop {
        let request =
            SearchMessagesRequest { query: "umbrella".to_owned(), ..SearchMessagesRequest::default() };
        let found = service.client.search_messages(world.supervisor(TENANT, request)).await;
        assert_eq!(found.expect("no search fails meanwhile").into_inner().conversations.len(), 1);
        let old: i64 = sqlx::query_scalar("SELECT count(*) FROM search_index WHERE settings = '{}'")
            .fetch_one(&mut database)
            .await
            .unwrap();
        let generation: i64 =
            sqlx::query_scalar("SELECT generation FROM search_index WHERE name = 'messages'")
                .fetch_one(&mut database)
                .await
                .unwrap();
        if old == 0 && generation > 1 {
            break;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn an_older_release_leaves_the_index_to_the_newer_one() {
    if !available("an_older_release_leaves_the_index_to_the_newer_one") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    world.messages.push([message_change(TENANT, message(1, id(101), id(7), "umbrella"))]);
    let mut service = world.start(&engine.url, &engine.key).await;
    assert_eq!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.len(), 1);
    service.stop().await;
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    sqlx::query("UPDATE search_index SET shape = shape + 1").execute(&mut database).await.unwrap();
    // A lease that would outlast this test.
    let mut service = world.start_with(&engine.url, &engine.key, |config| config.search.lease_s = 600).await;
    let search = SearchMessagesRequest { query: "umbrella".to_owned(), ..SearchMessagesRequest::default() };
    let found = service.client.search_messages(world.supervisor(TENANT, search)).await.unwrap();
    assert_eq!(found.into_inner().conversations.len(), 1, "it searches on");
    let mut taken = false;
    loop {
        let held: bool =
            sqlx::query_scalar("SELECT lease IS NOT NULL FROM feed_cursor WHERE feed = 'conversation'")
                .fetch_one(&mut database)
                .await
                .unwrap();
        if taken && !held {
            break;
        }
        taken |= held;
    }
    service.stop().await;
}

#[tokio::test]
async fn batches_that_wait_are_written_together() {
    if !available("batches_that_wait_are_written_together") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    // Twelve batches of the feed, in which every message comes three times.
    world.messages.push((0..6_000).map(|number| {
        let text = if number < 4_000 { "umbrella" } else { "parasol" };
        message_change(TENANT, message(1 + number % 2_000, id(101), id(7), text))
    }));
    let mut service = world.start(&engine.url, &engine.key).await;
    assert!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.is_empty());
    assert_eq!(service.messages(&world, TENANT, "parasol").await.unwrap().conversations.len(), 1);
    let writes = tasks(&world, &engine, "documentAdditionOrUpdate").await;
    assert!((1..=8).contains(&writes), "{writes} writes for twelve batches");
    service.stop().await;
}

/// How many tasks of a type the index of messages has seen.
async fn tasks(world: &World, engine: &TestEngine, kind: &str) -> usize {
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    let uid: String = sqlx::query_scalar("SELECT uid FROM search_index WHERE name = 'messages'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    let asked = reqwest::Client::new()
        .get(format!("{}/tasks?indexUids={uid}&types={kind}&limit=100", engine.url))
        .bearer_auth(&engine.key);
    let answer: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
    answer["results"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_large_erasure_keeps_fresh_messages_behind_few_writes() {
    if !available("a_large_erasure_keeps_fresh_messages_behind_few_writes") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let says =
        |number: u128, text: &str| message_change(TENANT, message(number, id(100_000 + number), id(7), text));
    world.messages.push((1..=12_000).map(|number| says(number, "umbrella")));
    let mut service = world.start(&engine.url, &engine.key).await;
    assert_eq!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.len(), 20);

    // Twenty-four batches of the feed that remove, and what is fresh comes behind the first half of them and at the end.
    let erased =
        |from: u128, to: u128| (from..=to).map(|number| gone(TENANT, id(number), ChangeKind::Message));
    world.messages.push(erased(1, 6_000).chain([says(20_000, "gazebo")]).chain(erased(6_001, 12_000)));
    world.messages.push([says(20_001, "gazebo")]);
    assert_eq!(service.messages(&world, TENANT, "gazebo").await.unwrap().conversations.len(), 2);
    assert!(service.messages(&world, TENANT, "umbrella").await.unwrap().conversations.is_empty());
    let writes = tasks(&world, &engine, "documentDeletion").await;
    assert!((1..=6).contains(&writes), "{writes} writes for twenty-four batches");
    service.stop().await;
}

#[tokio::test]
async fn a_late_write_of_a_killed_predecessor_does_not_win() {
    if !available("a_late_write_of_a_killed_predecessor_does_not_win") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let says = |text: &str| message_change(TENANT, message(1, id(100), id(7), text));
    world.messages.push([says("first words")]);
    let mut service = world.start(&engine.url, &engine.key).await;
    assert_eq!(service.messages(&world, TENANT, "first").await.unwrap().conversations.len(), 1);
    service.stop().await;

    // The predecessor noted a write, sent it, and was killed before it heard the answer: it is still on its way.
    let mut database = PgConnection::connect(&world.database_url).await.unwrap();
    let until = world.ambient.now() + TimeDelta::milliseconds(1500);
    let uid: String = sqlx::query_scalar(
        "UPDATE search_index SET writer = $1, writing_until = $2 WHERE name = 'messages' RETURNING uid",
    )
    .bind(world.ambient.id())
    .bind(until)
    .fetch_one(&mut database)
    .await
    .unwrap();
    world.messages.push([says("newest words")]);
    let mut service = world.start(&engine.url, &engine.key).await;
    let stale = serde_json::json!([{
        "id": format!("{}_{}", TENANT.simple(), id(1).simple()), "tenant_id": TENANT, "message_id": id(1),
        "conversation_id": id(100), "channel_id": id(7), "contact_id": id(8), "author_kind": 1, "author_id": "",
        "kind": "text", "private": false, "position": 1, "time": 1, "stored": 1, "text": "stale words",
    }]);
    let late = reqwest::Client::new()
        .post(format!("{}/indexes/{uid}/documents", engine.url))
        .bearer_auth(&engine.key)
        .json(&stale)
        .send()
        .await
        .unwrap();
    assert_eq!(late.status(), 202);
    let found = service.messages(&world, TENANT, "words").await.unwrap();
    assert_eq!(found.conversations[0].hits[0].text, "newest words");
    service.stop().await;
}
