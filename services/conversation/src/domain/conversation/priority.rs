use tandem_database::{Result, begin};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::kinds::Priority;
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;

impl Domain {
    /// Says how urgent a conversation is.
    pub async fn set_priority(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        priority: Priority,
    ) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let mut conversation = visible(viewer, found)?;
        let actor = viewer.acting()?;
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        let mut recorded = Recorded::new(conversation_id, &[], None);
        if work.set_priority(&mut conversation, priority, actor) {
            let written = work.write(&mut tx, &[], &mut [conversation]).await?;
            recorded = Recorded::new(conversation_id, &[], written);
        }
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}
