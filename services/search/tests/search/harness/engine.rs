//! The engine: a real server, or dev-search as a child.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct TestEngine {
    pub url: String,
    pub key: String,
    child: Option<(Child, TempDir)>,
}

impl TestEngine {
    pub fn available() -> bool {
        std::env::var("MEILISEARCH_URL").is_ok() || std::env::var("TANDEM_DEV_SEARCH").is_ok()
    }

    pub fn start() -> Self {
        if let Ok(url) = std::env::var("MEILISEARCH_URL") {
            return Self { url, key: std::env::var("MEILISEARCH_KEY").unwrap_or_default(), child: None };
        }
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::var("TANDEM_DEV_SEARCH").expect("checked by available()"))
            .args(["--addr", "127.0.0.1:0", "--die-with-parent", "--master-key", "k", "--data-dir"])
            .arg(data.path())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("TANDEM_DEV_SEARCH is the path of the dev-search binary");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").expect("the line tells the address").to_owned();
        Self { url, key: "k".to_owned(), child: Some((child, data)) }
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
