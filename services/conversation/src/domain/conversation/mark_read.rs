use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::model::Conversation;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// The calling agent has seen everything up to a position (0: everything there is). Answers whether the customer
    /// wrote after it.
    pub async fn mark_read(&self, viewer: &Viewer, conversation_id: Uuid, up_to: i64) -> Result<bool> {
        let agent_id = reader(viewer)?;
        let mut tx = begin(&self.pool).await?;
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let conversation = visible(viewer, found)?;
        if up_to > conversation.last_position {
            return Err(Fault::invalid("up_to_position", "must be a position of the conversation").into());
        }
        let unread = up_to != 0 && up_to < conversation.last_customer_position;
        let tenant_id = viewer.tenant_id;
        if unread {
            let number = store::message::activity_up_to(&mut tx, tenant_id, conversation_id, up_to).await?;
            store::reading::set_part(&mut tx, tenant_id, agent_id, conversation_id, number).await?;
        } else if conversation.activity_number > 0 {
            let number = conversation.activity_number;
            store::reading::set(&mut tx, tenant_id, agent_id, conversation_id, number, false).await?;
        }
        if conversation.activity_number > 0 {
            outbox::write(&mut tx, &self.ambient, &[read_otherwise(tenant_id, &conversation)]).await?;
        }
        tx.commit().await?;
        self.sequencer.wake();
        Ok(unread)
    }
}

/// Whose read positions a call is about.
pub fn reader(viewer: &Viewer) -> Result<Uuid, Fault> {
    viewer
        .agent_id
        .ok_or_else(|| Fault::new(Reason::AgentInactive, "no active agent belongs to the token's subject"))
}

/// A read position is a change of the row for live streams, though its version stays.
pub fn read_otherwise(tenant_id: Uuid, conversation: &Conversation) -> Row {
    Row {
        tenant_id,
        kind: ChangeKind::Conversation,
        entity_id: conversation.id,
        version: conversation.version,
    }
}
