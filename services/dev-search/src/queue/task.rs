//! A task: one acknowledged write, from its queue file to the answer of `GET /tasks/{uid}`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    Enqueued,
    Processing,
    Succeeded,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    IndexCreation,
    IndexUpdate,
    IndexDeletion,
    IndexSwap,
    SettingsUpdate,
    DocumentAdditionOrUpdate,
    DocumentDeletion,
}

/// What is to be done. The documents of an addition are not here: they follow in the task's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    CreateIndex { primary_key: Option<String> },
    UpdateIndex { primary_key: Option<String> },
    DeleteIndex,
    SwapIndexes { swaps: Vec<[String; 2]> },
    UpdateSettings { settings: Value },
    AddDocuments { method: Method, primary_key: Option<String>, count: usize },
    DeleteDocuments { ids: Vec<String> },
    DeleteByFilter { filter: Value },
    ClearDocuments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    Replace,
    Update,
}

impl Work {
    pub fn kind(&self) -> Kind {
        match self {
            Self::CreateIndex { .. } => Kind::IndexCreation,
            Self::UpdateIndex { .. } => Kind::IndexUpdate,
            Self::DeleteIndex => Kind::IndexDeletion,
            Self::SwapIndexes { .. } => Kind::IndexSwap,
            Self::UpdateSettings { .. } => Kind::SettingsUpdate,
            Self::AddDocuments { .. } => Kind::DocumentAdditionOrUpdate,
            Self::DeleteDocuments { .. } | Self::DeleteByFilter { .. } | Self::ClearDocuments => {
                Kind::DocumentDeletion
            }
        }
    }
}

/// A task as `GET /tasks` shows it; the same JSON is a line of the file of finished tasks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub uid: u32,
    /// The task that opened the transaction which this one shared.
    pub batch_uid: Option<u32>,
    pub index_uid: Option<String>,
    pub status: Status,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Always null: tasks cannot be cancelled here.
    pub canceled_by: Option<u32>,
    pub details: Value,
    pub error: Option<ApiError>,
    /// ISO 8601, of the processing alone.
    pub duration: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub enqueued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

impl Task {
    pub fn start(&mut self, batch_uid: u32, at: OffsetDateTime) {
        self.batch_uid = Some(batch_uid);
        self.status = Status::Processing;
        self.started_at = Some(at);
    }

    /// Ends the task; the keys of `outcome` replace those of the details that were known when it was enqueued.
    pub fn finish(&mut self, outcome: Result<Value, ApiError>, at: OffsetDateTime) {
        match outcome {
            Ok(details) => {
                self.status = Status::Succeeded;
                if let (Value::Object(known), Value::Object(new)) = (&mut self.details, details) {
                    known.extend(new);
                }
            }
            Err(error) => {
                self.status = Status::Failed;
                self.error = Some(error);
            }
        }
        self.duration = self.started_at.map(|started| format!("PT{:.6}S", (at - started).as_seconds_f64()));
        self.finished_at = Some(at);
    }
}
