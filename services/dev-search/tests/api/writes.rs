use meilisearch_sdk::client::SwapIndexes;
use meilisearch_sdk::documents::{DocumentDeletionQuery, DocumentsQuery};
use meilisearch_sdk::errors::{Error, ErrorCode};
use meilisearch_sdk::settings::{LocalizedAttributes, Settings};
use meilisearch_sdk::tasks::{Task, TaskType, TasksSearchQuery};
use serde_json::{Value, json};

use crate::harness::Server;

#[tokio::test]
async fn documents_come_change_and_go() {
    let (server, _data) = Server::scratch();
    let settings = Settings::new().with_filterable_attributes(["kind"]);
    let documents: Vec<Value> = (0..10)
        .map(|id| json!({ "id": id, "kind": if id < 5 { "low" } else { "high" }, "text": "x" }))
        .collect();
    let index = server.index("notes", &settings, &documents).await;

    server.succeeded(index.add_or_update(&[json!({ "id": 1, "more": true })], None).await.unwrap()).await;
    let one: Value = index.get_document("1").await.unwrap();
    assert_eq!(one, json!({ "id": 1, "kind": "low", "text": "x", "more": true }));
    server.succeeded(index.add_or_replace(&[json!({ "id": 1, "kind": "low" })], None).await.unwrap()).await;
    assert_eq!(index.get_document::<Value>("1").await.unwrap(), json!({ "id": 1, "kind": "low" }));

    let page = DocumentsQuery::new(&index)
        .with_filter("kind = low")
        .with_fields(["id"])
        .with_offset(1)
        .with_limit(2)
        .execute::<Value>()
        .await
        .unwrap();
    assert_eq!((page.results, page.total), (vec![json!({ "id": 1 }), json!({ "id": 2 })], 5));

    server.succeeded(index.delete_document(1).await.unwrap()).await;
    let gone = index.get_document::<Value>("1").await.unwrap_err();
    assert!(matches!(gone, Error::Meilisearch(error) if error.error_code == ErrorCode::DocumentNotFound));
    let task = server.succeeded(index.delete_documents(&[2, 3, 77]).await.unwrap()).await;
    let Task::Succeeded { content } = task else { unreachable!() };
    let TaskType::DocumentDeletion { details: Some(details) } = content.update_type else {
        panic!("{content:?}")
    };
    // The engine counts the ids that it was given, known or not.
    assert_eq!((details.provided_ids, details.deleted_documents), (Some(3), Some(3)));
    let mut by_filter = DocumentDeletionQuery::new(&index);
    by_filter.with_filter("kind = high");
    server.succeeded(index.delete_documents_with(&by_filter).await.unwrap()).await;
    assert_eq!(index.get_stats().await.unwrap().number_of_documents, 2);
    server.succeeded(index.delete_all_documents().await.unwrap()).await;
    assert_eq!(index.get_stats().await.unwrap().number_of_documents, 0);
}

#[tokio::test]
async fn takes_lines_of_json_and_tells_bad_documents() {
    let (server, _data) = Server::scratch();
    let index = server.client.index("lines");
    let lines = futures_cursor("{\"id\":1,\"a\":\"one\"}\n{\"id\":2}\n");
    server.succeeded(index.add_documents_ndjson(lines, None).await.unwrap()).await;
    assert_eq!(index.get_stats().await.unwrap().number_of_documents, 2);

    let malformed = index.add_documents_ndjson(futures_cursor("{\"id\":3"), None).await.unwrap_err();
    assert!(
        matches!(malformed, Error::Meilisearch(error) if error.error_code == ErrorCode::MalformedPayload)
    );
    let failed = server.done(index.add_documents(&[json!({ "name": "no id" })], None).await.unwrap()).await;
    assert_eq!(failed.unwrap_failure().error_code, ErrorCode::MissingDocumentId);
    // One bad task leaves its neighbours alone, though they may share a transaction.
    let tasks = [
        index.add_documents(&[json!({ "id": 4 })], None).await.unwrap(),
        index.add_documents(&[json!({ "id": "not allowed!" })], None).await.unwrap(),
        index.add_documents(&[json!({ "id": 5 })], None).await.unwrap(),
    ];
    let mut ends = Vec::new();
    for task in tasks {
        ends.push(server.done(task).await.is_success());
    }
    assert_eq!(ends, [true, false, true]);
    assert_eq!(index.get_stats().await.unwrap().number_of_documents, 4);
}

#[tokio::test]
async fn indexes_are_listed_swapped_and_deleted() {
    let (server, _data) = Server::scratch();
    let old = server.index("live", &Settings::new(), &[json!({ "id": 1, "text": "old" })]).await;
    server.index("next", &Settings::new(), &[json!({ "id": 2, "text": "new" })]).await;
    let indexes = server.client.list_all_indexes().await.unwrap();
    assert_eq!(indexes.results.iter().map(|index| index.uid.as_str()).collect::<Vec<_>>(), ["live", "next"]);
    assert_eq!(indexes.results[0].primary_key.as_deref(), Some("id"));
    let twice = server.client.create_index("live", None).await.unwrap();
    assert_eq!(server.done(twice).await.unwrap_failure().error_code, ErrorCode::IndexAlreadyExists);

    let swap = SwapIndexes { indexes: ("live".to_owned(), "next".to_owned()), rename: None };
    server.succeeded(server.client.swap_indexes([&swap]).await.unwrap()).await;
    assert_eq!(old.get_document::<Value>("2").await.unwrap()["text"], "new");
    let nowhere = SwapIndexes { indexes: ("live".to_owned(), "nowhere".to_owned()), rename: None };
    let failed = server.done(server.client.swap_indexes([&nowhere]).await.unwrap()).await;
    assert_eq!(failed.unwrap_failure().error_code, ErrorCode::IndexNotFound);

    server.succeeded(server.client.delete_index("next").await.unwrap()).await;
    assert!(server.client.get_index("next").await.is_err());
    assert_eq!(server.client.get_stats().await.unwrap().indexes.len(), 1);
    let version = server.client.get_version().await.unwrap();
    assert!(version.pkg_version.starts_with("1.15."), "{version:?}");
}

#[tokio::test]
async fn settings_are_kept_shown_and_reset() {
    let (server, _data) = Server::scratch();
    let settings = Settings::new()
        .with_stop_words(["the"])
        .with_ranking_rules(["words", "sort", "at:desc"])
        .with_localized_attributes([LocalizedAttributes {
            attribute_patterns: vec!["*".to_owned()],
            locales: vec!["cmn".to_owned()],
        }])
        .with_search_cutoff(150);
    let index = server.index("kept", &settings, &[]).await;
    let shown = index.get_settings().await.unwrap();
    assert_eq!(shown.stop_words.unwrap(), ["the"]);
    assert_eq!(shown.ranking_rules.unwrap(), ["words", "sort", "at:desc"]);
    assert_eq!(shown.localized_attributes.unwrap()[0].locales, ["cmn"]);
    assert_eq!(shown.search_cutoff_ms, Some(150));
    server.succeeded(index.set_filterable_attributes(["kind"]).await.unwrap()).await;
    assert_eq!(index.get_filterable_attributes().await.unwrap(), ["kind"]);
    let wrong = index.set_ranking_rules(["nonsense"]).await.unwrap_err();
    assert!(
        matches!(wrong, Error::Meilisearch(error) if error.error_code == ErrorCode::InvalidSettingsRankingRules)
    );
    server.succeeded(index.reset_settings().await.unwrap()).await;
    let shown = index.get_settings().await.unwrap();
    assert_eq!((shown.stop_words.unwrap().len(), shown.search_cutoff_ms), (0, None));
}

#[tokio::test]
async fn tasks_are_listed_newest_first() {
    let (server, _data) = Server::scratch();
    let index = server.index("tasks", &Settings::new(), &[json!({ "id": 1 })]).await;
    server.done(index.add_documents(&[json!({ "no": 1 })], None).await.unwrap()).await;
    let mut query = TasksSearchQuery::new(&server.client);
    query.with_index_uids(["tasks"]).with_types(["documentAdditionOrUpdate"]).with_limit(1);
    let page = query.execute().await.unwrap();
    assert_eq!((page.total, page.from, page.next), (2, Some(3), Some(2)));
    let mut query = TasksSearchQuery::new(&server.client);
    query.with_statuses(["failed", "processing"]).with_uids([&2, &3]);
    let page = query.execute().await.unwrap();
    assert_eq!(page.results.iter().map(Task::get_uid).collect::<Vec<_>>(), [3]);
    assert!(server.client.get_task(Uid(99)).await.is_err());
}

struct Uid(u32);

impl AsRef<u32> for Uid {
    fn as_ref(&self) -> &u32 {
        &self.0
    }
}

fn futures_cursor(text: &'static str) -> futures::io::Cursor<&'static [u8]> {
    futures::io::Cursor::new(text.as_bytes())
}
