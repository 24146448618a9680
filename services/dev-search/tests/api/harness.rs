//! Starts the binary and hands out a client of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use meilisearch_sdk::client::Client;
use meilisearch_sdk::indexes::Index;
use meilisearch_sdk::settings::Settings;
use meilisearch_sdk::task_info::TaskInfo;
use meilisearch_sdk::tasks::Task;
use serde_json::Value;
use tempfile::TempDir;

pub struct Server {
    pub url: String,
    pub client: Client,
    /// Its stdin, held open here, ends with this process: so does the server.
    child: Child,
}

impl Server {
    pub fn start(data: &Path, arguments: &[&str], key: Option<&str>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tandem-dev-search"))
            .args(["--addr", "127.0.0.1:0", "--die-with-parent", "--data-dir"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("the line tells the address").to_owned();
        let client = Client::new(&url, key).expect("a client");
        Self { url, client, child }
    }

    pub fn scratch() -> (Self, TempDir) {
        let data = tempfile::tempdir().expect("a folder");
        (Self::start(data.path(), &[], None), data)
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ended");
    }

    /// Closes its stdin; answers with whether it ended well.
    pub fn stop(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ended").success()
    }

    pub async fn done(&self, task: TaskInfo) -> Task {
        let (every, at_most) = (Duration::from_millis(5), Duration::from_secs(120));
        self.client.wait_for_task(task, Some(every), Some(at_most)).await.expect("the task is known")
    }

    pub async fn succeeded(&self, task: TaskInfo) -> Task {
        let task = self.done(task).await;
        assert!(task.is_success(), "{task:?}");
        task
    }

    /// An index with these settings and documents.
    pub async fn index(&self, uid: &str, settings: &Settings, documents: &[Value]) -> Index {
        let index = self.client.index(uid);
        self.succeeded(self.client.create_index(uid, Some("id")).await.expect("queued")).await;
        self.succeeded(index.set_settings(settings).await.expect("queued")).await;
        self.succeeded(index.add_documents(documents, None).await.expect("queued")).await;
        index
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended after `kill` and `stop`: then these do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
