use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Suite, engine_url};

impl Suite {
    /// Every document of the suite's indexes as the search engine holds it, not as the service shows it.
    ///
    /// # Panics
    /// Without an engine.
    pub async fn indexed(&self) -> String {
        let list: serde_json::Value = serde_json::from_str(&ask("/indexes?limit=1000").await).unwrap();
        let mut documents = String::new();
        for index in list["results"].as_array().unwrap() {
            let uid = index["uid"].as_str().unwrap();
            if uid.starts_with(&self.index_prefix) {
                documents += &ask(&format!("/indexes/{uid}/documents?limit=10000")).await;
            }
        }
        documents
    }
}

/// What the engine answers to a `GET`: it listens on this machine, and one request needs no client.
async fn ask(path: &str) -> String {
    let url = engine_url();
    let key = std::env::var("MEILISEARCH_KEY").unwrap_or_default();
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    body.to_owned()
}
