use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to the search engine that can be closed: documents that were sent are then held back until it is opened, whatever
/// becomes of who sent them.
#[derive(Debug)]
pub struct Gate {
    /// The engine by this way.
    pub url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    engine: String,
    closed: watch::Sender<bool>,
    /// What is held back may go on.
    released: watch::Sender<bool>,
    /// How many writes came to the closed gate.
    held: watch::Sender<usize>,
}

impl Gate {
    /// An open one.
    ///
    /// # Panics
    /// When no port is left.
    pub async fn before(engine_url: &str) -> Self {
        let engine = engine_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (closed, released, held) =
            (watch::Sender::new(false), watch::Sender::new(true), watch::Sender::new(0));
        let state = Arc::new(State { engine, closed, released, held });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, shared.clone()));
            }
        });
        Self { url, state }
    }

    pub fn close(&self) {
        self.state.held.send_replace(0);
        self.state.released.send_replace(false);
        self.state.closed.send_replace(true);
    }

    /// Lets pass what comes now, while what came before is held back.
    pub fn let_newer_pass(&self) {
        self.state.closed.send_replace(false);
    }

    pub fn open(&self) {
        self.state.closed.send_replace(false);
        self.state.released.send_replace(true);
    }

    /// Waits until documents are held back.
    ///
    /// # Panics
    /// Never: the gate outlives its connections.
    pub async fn holds(&self) {
        self.state.held.subscribe().wait_for(|held| *held > 0).await.unwrap();
    }
}

async fn pass(client: TcpStream, state: Arc<State>) {
    let Ok(engine) = TcpStream::connect(&state.engine).await else { return };
    let ((mut requests, mut to_client), (mut answers, mut to_engine)) =
        (client.into_split(), engine.into_split());
    let answering = tokio::spawn(async move {
        let mut answer = Vec::new();
        while answers.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {
            // Nobody may be there to read it any more.
            let _ = to_client.write_all(&answer).await;
            answer.clear();
        }
    });
    while let Some(request) = read(&mut requests).await {
        if writes(&request) && *state.closed.borrow() {
            state.held.send_modify(|held| *held += 1);
            let _ = state.released.subscribe().wait_for(|released| *released).await;
        }
        if to_engine.write_all(&request).await.is_err() {
            return;
        }
    }
    // The engine would take a connection that ends for a caller who changed their mind.
    let _ = answering.await;
}

fn writes(request: &[u8]) -> bool {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    line.starts_with("POST /indexes/") && line.contains("/documents") && !line.contains("/fetch")
}

/// A whole request with its body.
async fn read(requests: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if request.len() >= end + 4 + length {
                return Some(request);
            }
        }
        if requests.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}
