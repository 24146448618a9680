use meilisearch_sdk::client::Client;
use meilisearch_sdk::errors::{Error, ErrorCode};
use meilisearch_sdk::settings::Settings;
use serde_json::{Value, json};

use crate::harness::Server;

#[tokio::test]
async fn a_clean_stop_keeps_everything() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[], None);
    let settings = Settings::new().with_filterable_attributes(["kind"]);
    let index =
        server.index("kept", &settings, &[json!({ "id": 1, "kind": "a", "text": "hello world" })]).await;
    let task = index.add_documents(&[json!({ "id": 3 })], None).await.unwrap();
    server.succeeded(task.clone()).await;
    let before = server.client.get_index("kept").await.unwrap();
    assert!(server.stop());

    let server = Server::start(data.path(), &[], None);
    let after = server.client.get_index("kept").await.unwrap();
    assert_eq!((after.created_at, after.primary_key.as_deref()), (before.created_at, Some("id")));
    let index = server.client.index("kept");
    let found = index.search().with_query("world").with_filter("kind = a").execute::<Value>().await.unwrap();
    assert_eq!(found.hits.len(), 1);
    assert!(server.client.get_task(&task).await.unwrap().is_success());
    let next = index.add_documents(&[json!({ "id": 2 })], None).await.unwrap();
    assert_eq!(next.task_uid, task.task_uid + 1);
}

#[tokio::test]
async fn an_acknowledged_write_survives_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[], None);
    let index = server.client.index("killed");
    let mut last = None;
    for batch in 0..20 {
        let documents: Vec<_> = (0..200)
            .map(|n| json!({ "id": batch * 200 + n, "text": format!("message {n} of {batch}") }))
            .collect();
        last = Some(index.add_documents(&documents, Some("id")).await.unwrap());
    }
    server.kill();

    let server = Server::start(data.path(), &[], None);
    server.succeeded(last.unwrap()).await;
    assert_eq!(server.client.index("killed").get_stats().await.unwrap().number_of_documents, 4000);
}

#[tokio::test]
async fn a_swap_is_not_done_twice() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[], None);
    for name in ["a", "b"] {
        server.index(name, &Settings::new(), &[json!({ "id": name })]).await;
    }
    let body = br#"[{"indexes":["a","b"]}]"#;
    let answer = reqwest::Client::new()
        .post(format!("{}/swap-indexes", server.url))
        .header("content-type", "application/json")
        .body(&body[..])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    // Whether the kill comes before the swap, after it, or between its two files: once is once.
    server.kill();
    let server = Server::start(data.path(), &[], None);
    let other = server.client.create_index("last", None).await.unwrap();
    server.succeeded(other).await;
    assert!(server.client.index("a").get_document::<Value>("b").await.is_ok());
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--max-queue", "0"], None);
    let answer = reqwest::Client::new()
        .post(format!("{}/indexes/x/documents", server.url))
        .header("content-type", "application/json")
        .body("[]")
        .send()
        .await
        .unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "10"));
}

#[tokio::test]
async fn a_master_key_is_wanted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--master-key", "secret"], Some("secret"));
    assert!(server.client.list_all_indexes().await.is_ok());
    let without = Client::new(&server.url, None::<String>).unwrap();
    assert!(without.is_healthy().await);
    let error = without.list_all_indexes().await.unwrap_err();
    assert!(
        matches!(error, Error::Meilisearch(error) if error.error_code == ErrorCode::MissingAuthorizationHeader)
    );
    let wrong = Client::new(&server.url, Some("wrong")).unwrap();
    let error = wrong.list_all_indexes().await.unwrap_err();
    assert!(matches!(error, Error::Meilisearch(error) if error.error_code == ErrorCode::InvalidApiKey));
}

#[tokio::test]
async fn bodies_may_be_gzip() {
    use std::io::Write;
    let (server, _data) = Server::scratch();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(br#"[{"id":1},{"id":2}]"#).unwrap();
    let answer = reqwest::Client::new()
        .post(format!("{}/indexes/packed/documents", server.url))
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(packed.finish().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let task: meilisearch_sdk::task_info::TaskInfo = answer.json().await.unwrap();
    server.succeeded(task).await;
    assert_eq!(server.client.index("packed").get_stats().await.unwrap().number_of_documents, 2);
}
