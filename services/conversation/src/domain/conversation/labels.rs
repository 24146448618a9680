use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::model::{Actor, Event};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;
use crate::store::label::Label;

/// Labels that a tenant may have.
const MOST_LABELS: usize = 1_000;
/// Labels that a conversation may carry.
const MOST_ON_ONE: usize = 20;

/// What is compared: names that differ in case alone are one label, in every script.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

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
        let new: Vec<Label> = add
            .iter()
            .map(|name| Label { id: self.ambient.id(), name: name.trim().to_owned(), folded: folded(name) })
            .collect();
        let folded_add: Vec<String> = add.iter().map(|name| folded(name)).collect();
        let folded_remove: Vec<String> = remove.iter().map(|name| folded(name)).collect();
        let known = store::label::by_folded(&mut tx, viewer.tenant_id, &folded_add).await?;
        let missing: Vec<Label> =
            new.into_iter().filter(|label| known.iter().all(|known| known.folded != label.folded)).collect();
        if !missing.is_empty() {
            let present = store::label::all(&mut tx, viewer.tenant_id).await?.len();
            if present + missing.len() > MOST_LABELS {
                return Err(limit(MOST_LABELS).into());
            }
            store::label::insert(&mut tx, viewer.tenant_id, &missing).await?;
        }
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, conversation_id).await?;
        let mut conversation = visible(viewer, found)?;
        let mut added = Vec::new();
        for label in store::label::by_folded(&mut tx, viewer.tenant_id, &folded_add).await? {
            if !conversation.label_ids.contains(&label.id) {
                conversation.label_ids.push(label.id);
                added.push(label.id);
            }
        }
        let off = store::label::by_folded(&mut tx, viewer.tenant_id, &folded_remove).await?;
        let removed: Vec<Uuid> =
            off.iter().map(|label| label.id).filter(|id| conversation.label_ids.contains(id)).collect();
        conversation.label_ids.retain(|id| !removed.contains(id));
        if conversation.label_ids.len() > MOST_ON_ONE {
            return Err(limit(MOST_ON_ONE).into());
        }
        let mut recorded = Recorded::new(conversation_id, &[], None);
        if !added.is_empty() || !removed.is_empty() {
            conversation.version += 1;
            store::conversation::save_labels(&mut tx, viewer.tenant_id, &conversation).await?;
            let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
            let actor = viewer.actor().unwrap_or(Actor::SYSTEM);
            work.record(&conversation, actor, Event::LabelsChanged { added, removed });
            work.changed.push(Row {
                tenant_id: viewer.tenant_id,
                kind: ChangeKind::Conversation,
                entity_id: conversation_id,
                version: conversation.version,
            });
            let written = work.write(&mut tx, &[], &mut []).await?;
            recorded = Recorded::new(conversation_id, &[], written);
        }
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(recorded)
    }

    /// The tenant's labels by name.
    pub async fn labels(&self, viewer: &Viewer) -> Result<Vec<Label>> {
        let mut connection = self.pool.acquire().await?;
        store::label::all(&mut connection, viewer.tenant_id).await
    }
}

fn limit(most: usize) -> Fault {
    Fault::new(Reason::LimitReached, format!("at most {most} labels")).with("limit", most)
}
