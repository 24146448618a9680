use tandem_database::Result;
use tandem_request_log::Request;
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::kinds::Priority;
use crate::domain::recorded::Outcome;
use crate::domain::viewer::Viewer;

impl Domain {
    /// Says how urgent a conversation is.
    pub async fn set_priority(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        priority: Priority,
    ) -> Result<Outcome> {
        self.change(viewer, request, conversation_id, |work, conversation| {
            let actor = viewer.acting()?;
            Ok(work.set_priority(conversation, priority, actor))
        })
        .await
    }
}
