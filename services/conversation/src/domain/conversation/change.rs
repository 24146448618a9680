use tandem_database::{Result, begin};
use tandem_fault::Fault;
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::changeable;
use crate::domain::Domain;
use crate::domain::model::Conversation;
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;

impl Domain {
    /// Changes one conversation under its lock, once for a request id. `change` says whether anything is different then; who
    /// acts is its question, so that a repeated call gets its first answer whoever the caller is by now.
    pub(super) async fn change(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        change: impl FnOnce(&mut Work, &mut Conversation) -> Result<bool, Fault>,
    ) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let mut conversation = changeable(viewer, found)?;
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        let written = match change(&mut work, &mut conversation)? {
            true => work.write(&mut tx, &[], &mut [conversation]).await?,
            false => None,
        };
        let recorded = Recorded::new(conversation_id, &[], written);
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}
