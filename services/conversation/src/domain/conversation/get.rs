use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::model::{Contact, Row};
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    pub async fn get(&self, viewer: &Viewer, conversation_id: Uuid) -> Result<(Row, Contact)> {
        let mut connection = self.pool.acquire().await?;
        let row = store::row::read(&mut connection, viewer.tenant_id, &[conversation_id], viewer.agent_id)
            .await?
            .pop();
        let row = row.ok_or_else(|| Fault::not_found("conversation"))?;
        visible(viewer, Some(row.conversation.clone()))?;
        let contact = store::contact::find(&mut connection, viewer.tenant_id, &[row.conversation.contact_id])
            .await?
            .pop();
        Ok((row, contact.ok_or_else(|| Fault::not_found("contact"))?))
    }
}
