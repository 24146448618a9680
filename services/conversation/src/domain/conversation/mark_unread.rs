use tandem_change_feed::outbox;
use tandem_database::{Result, begin};
use uuid::Uuid;

use super::mark_read::{read_otherwise, reader};
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
            outbox::write(&mut tx, &self.ambient, &[read_otherwise(viewer.tenant_id, &conversation)]).await?;
        }
        tx.commit().await?;
        self.sequencer.wake();
        Ok(number > 0)
    }
}
