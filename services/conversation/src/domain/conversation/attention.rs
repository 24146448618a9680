use tandem_database::Result;
use tandem_request_log::Request;
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::kinds::Attention;
use crate::domain::model::Event;
use crate::domain::recorded::Outcome;
use crate::domain::viewer::Viewer;

impl Domain {
    /// The AI asks for a person's eye while it goes on; a person's reply takes the mark off.
    pub async fn raise_attention(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        reason: Attention,
    ) -> Result<Outcome> {
        self.change(viewer, request, conversation_id, |work, conversation| {
            let actor = viewer.actor()?;
            if conversation.needs_attention == Some(reason) {
                return Ok(false);
            }
            conversation.needs_attention = Some(reason);
            work.record(conversation, actor, Event::AttentionRaised { reason, phrase: String::new() });
            Ok(true)
        })
        .await
    }
}
