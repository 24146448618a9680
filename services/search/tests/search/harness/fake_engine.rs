//! An engine that misbehaves on demand: it accepts writes, remembers ids, and finds nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Documents whose text holds `POISON` fail their task.
    Works,
    /// Takes connections and never answers.
    Silent,
    /// 503 with `Retry-After: 7`.
    Full,
    /// Answers reads; writes are refused with 503.
    WritesFull,
}

pub struct FakeEngine {
    pub url: String,
    state: Arc<State>,
}

struct State {
    mood: Mutex<Mood>,
    /// Whether each task succeeds.
    tasks: Mutex<Vec<bool>>,
    documents: Mutex<BTreeSet<String>>,
}

impl FakeEngine {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state =
            Arc::new(State { mood: Mutex::new(mood), tasks: Mutex::default(), documents: Mutex::default() });
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, serving.clone()));
            }
        });
        Self { url, state }
    }

    pub fn set(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    pub fn documents(&self) -> usize {
        self.state.documents.lock().unwrap().len()
    }
}

async fn answer(mut stream: TcpStream, state: Arc<State>) {
    let mut read = Vec::new();
    let head = loop {
        let mut part = [0; 65536];
        let count = stream.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        read.extend_from_slice(&part[..count]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).into_owned();
    let length = text
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = read.split_off(head);
    while body.len() < length.unwrap_or(0) {
        let mut part = [0; 65536];
        let count = stream.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        body.extend_from_slice(&part[..count]);
    }
    let mut words = text.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mood = *state.mood.lock().unwrap();
    let write = method != "GET" && !path.contains("search") && !path.contains("fetch");
    let (status, answer) = match mood {
        Mood::Silent => return std::future::pending().await,
        Mood::Full => ("503 Service Unavailable\r\nretry-after: 7", json!({})),
        Mood::WritesFull if write => ("503 Service Unavailable\r\nretry-after: 1", json!({})),
        _ if write => ("202 Accepted", state.write(path, &body)),
        _ => ("200 OK", state.read(path)),
    };
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
}

const AT: &str = "2026-11-22T00:00:00Z";

impl State {
    fn write(&self, path: &str, body: &[u8]) -> Value {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let mut good = true;
        if path.contains("/documents") {
            let ids = || body.as_array().into_iter().flatten();
            good = !body.to_string().contains("POISON");
            let mut documents = self.documents.lock().unwrap();
            if path.contains("delete-batch") {
                for id in ids().filter_map(Value::as_str) {
                    documents.remove(id);
                }
            } else if good {
                documents.extend(ids().filter_map(|document| document["id"].as_str().map(str::to_owned)));
            }
        }
        let mut tasks = self.tasks.lock().unwrap();
        tasks.push(good);
        json!({ "taskUid": tasks.len() - 1, "indexUid": "x", "status": "enqueued", "type": "documentAdditionOrUpdate", "enqueuedAt": AT })
    }

    fn read(&self, path: &str) -> Value {
        if path.contains("search") {
            return json!({ "hits": [], "query": "", "processingTimeMs": 0, "offset": 0, "limit": 0, "estimatedTotalHits": 0 });
        }
        let Some(uid) = path.strip_prefix("/tasks/").and_then(|uid| uid.parse::<usize>().ok()) else {
            // Of tasks and of documents alike.
            return json!({ "results": [], "total": 0, "offset": 0, "limit": 1, "from": null, "next": null });
        };
        let good = self.tasks.lock().unwrap()[uid];
        let error =
            json!({ "message": "m", "code": "invalid_document_id", "type": "invalid_request", "link": "l" });
        json!({
            "uid": uid, "indexUid": "x", "status": if good { "succeeded" } else { "failed" },
            "type": "documentAdditionOrUpdate", "details": { "receivedDocuments": 1, "indexedDocuments": 1 },
            "canceledBy": null, "error": if good { Value::Null } else { error }, "duration": "PT0.1S",
            "enqueuedAt": AT, "startedAt": AT, "finishedAt": AT
        })
    }
}
