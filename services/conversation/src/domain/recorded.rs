//! What a write answers: recorded under its request id as ids alone, so that no text outlives its erasure there; read
//! anew for the first answer and for every repetition alike.

use serde::{Deserialize, Serialize};
use tandem_change_feed::Written;
use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use super::Domain;
use super::model::{Entry, Message, Row};
use super::viewer::Viewer;
use crate::store;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    pub conversation_id: Uuid,
    #[serde(default)]
    pub message_ids: Vec<Uuid>,
    #[serde(default)]
    pub entry_id: Option<Uuid>,
    /// Outbox id and mark of the write.
    #[serde(default)]
    pub written: Option<(i64, i64)>,
}

impl Recorded {
    pub fn new(conversation_id: Uuid, messages: &[Message], written: Option<Written>) -> Self {
        Self {
            conversation_id,
            message_ids: messages.iter().map(|message| message.id).collect(),
            entry_id: None,
            written: written.map(|written| (written.outbox_id, written.mark)),
        }
    }
}

/// A write's answer.
#[derive(Debug)]
pub struct Outcome {
    pub row: Row,
    pub messages: Vec<Message>,
    pub entry: Option<Entry>,
    pub change_token: String,
}

impl Domain {
    /// Reads what a recorded write answers.
    pub async fn outcome(&self, viewer: &Viewer, recorded: Recorded) -> Result<Outcome> {
        let mut connection = self.pool.acquire().await?;
        let tenant_id = viewer.tenant_id;
        let row = store::row::read(&mut connection, tenant_id, &[recorded.conversation_id], viewer.agent_id)
            .await?
            .pop();
        let row = row.ok_or_else(|| Fault::not_found("conversation"))?;
        let mut messages = match recorded.message_ids.is_empty() {
            true => Vec::new(),
            false => store::message::find(&mut connection, tenant_id, &recorded.message_ids).await?,
        };
        messages.sort_by_key(|message| message.position);
        let entry = match recorded.entry_id {
            Some(id) => store::timeline::read(&mut connection, &[(tenant_id, id)])
                .await?
                .pop()
                .map(|(_, entry)| entry),
            None => None,
        };
        let written = recorded.written.map(|(outbox_id, mark)| Written { outbox_id, mark });
        Ok(Outcome { row, messages, entry, change_token: self.freshness.token(written) })
    }
}
