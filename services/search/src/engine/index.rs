use std::time::Duration;

use meilisearch_sdk::settings::Settings;
use meilisearch_sdk::task_info::TaskInfo;
use meilisearch_sdk::tasks::{Task, TasksSearchQuery};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{Engine, EngineError, Result};

/// The first and the longest pause between two looks at a task.
const POLL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// A document in its JSON form, which is measured, split and sent without being parsed again.
#[derive(Debug, Clone)]
pub struct Document {
    pub id: String,
    pub json: Box<RawValue>,
}

impl Engine {
    /// Makes the index if it is not there and gives it these settings.
    pub async fn ensure(&self, uid: &str, settings: &Settings) -> Result<()> {
        let created = self.done(self.writes.create_index(uid, Some("id")).await?).await;
        match created {
            Ok(()) => {}
            Err(EngineError::Refused(code)) if code == "index_already_exists" => {}
            Err(error) => return Err(error),
        }
        self.done(self.writes.index(uid).set_settings(settings).await?).await
    }

    /// Replaces documents in one task and waits until they are found. Sends nothing after `until`.
    pub async fn put(&self, uid: &str, documents: &[Document], until: Instant) -> Result<()> {
        in_time(until)?;
        let bodies: Vec<&RawValue> = documents.iter().map(|document| document.json.as_ref()).collect();
        self.done(self.writes.index(uid).add_or_replace(&bodies, Some("id")).await?).await
    }

    /// Removes documents and waits until they are gone. Sends nothing after `until`.
    pub async fn remove(&self, uid: &str, ids: &[String], until: Instant) -> Result<()> {
        in_time(until)?;
        self.done(self.writes.index(uid).delete_documents(ids).await?).await
    }

    /// Waits until the index has no task left, whoever sent it.
    pub async fn settle(&self, uid: &str) -> Result<()> {
        let mut pause = POLL.0;
        loop {
            let mut tasks = TasksSearchQuery::new(&self.writes);
            tasks.with_index_uids([uid]).with_statuses(["enqueued", "processing"]).with_limit(1);
            if tasks.execute().await?.results.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
    }

    /// Deletes an index; one that is not there is no error.
    pub async fn delete_index(&self, uid: &str) -> Result<()> {
        match self.done(self.writes.delete_index(uid).await?).await {
            Err(EngineError::NoIndex) => Ok(()),
            Err(EngineError::Refused(code)) if code == "index_not_found" => Ok(()),
            outcome => outcome,
        }
    }

    /// Cuts documents into parts of at most `max_batch_bytes`; a larger document is a part of its own.
    pub fn parts<'a>(&self, documents: &'a [Document]) -> Vec<&'a [Document]> {
        let (mut parts, mut from, mut bytes) = (Vec::new(), 0, 0);
        for (at, document) in documents.iter().enumerate() {
            let size = document.json.get().len();
            if at > from && bytes + size > self.max_batch_bytes {
                parts.push(&documents[from..at]);
                (from, bytes) = (at, 0);
            }
            bytes += size;
        }
        if from < documents.len() {
            parts.push(&documents[from..]);
        }
        parts
    }

    /// Waits for a task as long as it takes, while the engine answers.
    async fn done(&self, task: TaskInfo) -> Result<()> {
        let mut pause = POLL.0;
        loop {
            match self.writes.get_task(&task).await? {
                Task::Succeeded { .. } => return Ok(()),
                Task::Failed { content } => {
                    return Err(meilisearch_sdk::errors::Error::from(content.error).into());
                }
                Task::Enqueued { .. } | Task::Processing { .. } => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
    }
}

/// A process that was stopped for longer than its note says must not send what is old by now.
fn in_time(until: Instant) -> Result<()> {
    if Instant::now() < until {
        Ok(())
    } else {
        Err(EngineError::Down("too late to send a write".to_owned()))
    }
}
