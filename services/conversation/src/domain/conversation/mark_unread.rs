use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use uuid::Uuid;

use super::mark_read::reader;
use super::send::visible;
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// The calling agent wants to see a conversation again. Answers whether it is unread: not when the customer never
    /// wrote.
    pub async fn mark_unread(&self, viewer: &Viewer, conversation_id: Uuid) -> Result<bool> {
        let agent_id = reader(viewer)?;
        let mut tx = begin(&self.pool).await?;
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let conversation = visible(viewer, found)?;
        let number = conversation.activity_number;
        if number > 0 {
            store::reading::set(&mut tx, viewer.tenant_id, agent_id, conversation_id, number, true).await?;
            // A read position is a change of the row for live streams, though its version stays.
            let row = Row {
                tenant_id: viewer.tenant_id,
                kind: ChangeKind::Conversation,
                entity_id: conversation_id,
                version: conversation.version,
            };
            outbox::write(&mut tx, &self.ambient, &[row]).await?;
        }
        tx.commit().await?;
        self.sequencer.wake();
        Ok(number > 0)
    }
}
