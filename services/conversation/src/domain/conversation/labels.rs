use tandem_database::{Result, begin};
use tandem_fault::Fault;
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::changeable;
use crate::domain::Domain;
use crate::domain::label::{Change, MOST_ON_ONE, change, limit};
use crate::domain::model::{Actor, Conversation};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;
use crate::store::label::Label;

impl Domain {
    /// Puts labels on and takes them off by name; a label is created on its first use.
    pub async fn update_labels(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        add: &[String],
        remove: &[String],
    ) -> Result<(Outcome, Vec<Label>)> {
        let recorded = self.change_labels(viewer, request, conversation_id, add, remove).await?;
        let outcome = self.outcome(viewer, recorded).await?;
        let mut connection = self.pool.acquire().await?;
        let mut labels = store::label::all(&mut connection, viewer.tenant_id).await?;
        labels.retain(|label| outcome.row.conversation.label_ids.contains(&label.id));
        Ok((outcome, labels))
    }

    async fn change_labels(
        &self,
        viewer: &Viewer,
        request: Request,
        conversation_id: Uuid,
        add: &[String],
        remove: &[String],
    ) -> Result<Recorded> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &request, now).await? {
            return Ok(first);
        }
        let Change { add, remove } = change(&mut tx, &self.ambient, viewer.tenant_id, add, remove).await?;
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let mut conversation = changeable(viewer, found)?;
        let actor = viewer.actor().unwrap_or(Actor::SYSTEM);
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        let mut recorded = Recorded::new(conversation_id, &[], None);
        let labels = labelled(&conversation, &add, &remove)?;
        if work.set_labels(&mut conversation, labels, actor) {
            let written = work.write(&mut tx, &[], &mut [conversation]).await?;
            recorded = Recorded::new(conversation_id, &[], written);
        }
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(recorded)
    }
}

/// The labels of a conversation after a change: what is both put on and taken off is off.
pub fn labelled(conversation: &Conversation, add: &[Uuid], remove: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let mut labels = conversation.label_ids.clone();
    for id in add {
        if !labels.contains(id) {
            labels.push(*id);
        }
    }
    labels.retain(|id| !remove.contains(id));
    if labels.len() > MOST_ON_ONE {
        return Err(limit(MOST_ON_ONE));
    }
    Ok(labels)
}
