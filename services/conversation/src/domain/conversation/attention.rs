use tandem_database::{Result, begin};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::kinds::Attention;
use crate::domain::model::Event;
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;

impl Domain {
    /// The AI asks for a person's eye while it goes on; a person's reply takes the mark off.
    pub async fn raise_attention(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        reason: Attention,
    ) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let mut conversation = visible(viewer, found)?;
        let actor = viewer.actor()?;
        let mut recorded = Recorded::new(conversation_id, &[], None);
        if conversation.needs_attention != Some(reason) {
            conversation.needs_attention = Some(reason);
            let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
            work.record(&conversation, actor, Event::AttentionRaised { reason, phrase: String::new() });
            let written = work.write(&mut tx, &[], &mut [conversation]).await?;
            recorded = Recorded::new(conversation_id, &[], written);
        }
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}
