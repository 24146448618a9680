//! Keys that open a part of the server.

use meilisearch_sdk::client::Client;
use meilisearch_sdk::errors::{Error, ErrorCode};
use meilisearch_sdk::key::{Action, KeyBuilder};
use serde_json::{Value, json};

use crate::harness::Server;

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) {
    match answer {
        Err(Error::Meilisearch(error)) => assert_eq!(error.error_code, ErrorCode::InvalidApiKey),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_also_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &["--master-key", "master"], Some("master"));
    for uid in ["mine_a", "other"] {
        server
            .index(uid, &meilisearch_sdk::settings::Settings::new(), &[json!({ "id": 1, "text": "word" })])
            .await;
    }
    let mut wanted = KeyBuilder::new();
    wanted.with_actions([Action::Search, Action::IndexesCreate, Action::IndexesGet, Action::TasksGet]);
    wanted.with_index("mine_*").with_name("some");
    let key = server.client.create_key(&wanted).await.unwrap();
    // What concerns all indexes is for keys that open all.
    let mut global = KeyBuilder::new();
    global.with_actions([Action::Search, Action::Version]).with_index("mine_*");
    let refusal = server.client.create_key(&global).await.unwrap_err();
    assert!(refusal.to_string().contains("index-scoped"), "{refusal}");
    assert_eq!((key.name.as_deref(), key.indexes.as_slice()), (Some("some"), &["mine_*".to_owned()][..]));
    assert!(server.stop());

    let server = Server::start(data.path(), &["--master-key", "master"], Some(&key.key));
    let client: &Client = &server.client;
    let found = client.index("mine_a").search().with_query("word").execute::<Value>().await.unwrap();
    assert_eq!(found.hits.len(), 1);
    server.succeeded(client.create_index("mine_b", Some("id")).await.unwrap()).await;
    let indexes = client.list_all_indexes().await.unwrap().results;
    let uids: Vec<&str> = indexes.iter().map(|index| index.uid.as_str()).collect();
    assert_eq!(uids, ["mine_a", "mine_b"]);
    // Not for this index, not for this action, not with a wrong key.
    refused(client.index("other").search().with_query("word").execute::<Value>().await);
    refused(client.create_index("yours", Some("id")).await);
    refused(client.index("mine_a").add_documents(&[json!({ "id": 2 })], None).await);
    refused(client.create_key(&wanted).await);
    refused(Client::new(&server.url, Some("wrong")).unwrap().list_all_indexes().await);
    // Of tasks it sees those of its indexes.
    let tasks = client.get_tasks().await.unwrap().results;
    assert!(!tasks.is_empty());
}
