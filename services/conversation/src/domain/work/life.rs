//! What changes a conversation's life besides messages and holders: snoozing, priority, labels, what is due.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::Work;
use crate::domain::goals::{self, Goals, Updates};
use crate::domain::kinds::{Priority, Status};
use crate::domain::model::{Actor, Conversation, Event};
use crate::store;

impl Work<'_> {
    /// Puts a conversation aside until a time, or moves that time.
    pub fn snooze(
        &mut self,
        conversation: &mut Conversation,
        until: DateTime<Utc>,
        actor: Actor,
        note: &str,
    ) {
        let from = conversation.status;
        conversation.status = Status::Snoozed;
        conversation.snoozed_until = Some(until);
        conversation.last_activity_at = self.now;
        let event = Event::StatusChanged {
            from,
            to: Status::Snoozed,
            reason: String::new(),
            snoozed_until: Some(until),
            note: note.to_owned(),
            epoch: conversation.epoch,
        };
        self.entry(conversation, actor, event);
    }

    /// Wakes a snoozed conversation: somebody has looked at it, so it is no new one.
    pub fn wake(&mut self, conversation: &mut Conversation, actor: Actor, reason: &str) {
        if conversation.status == Status::Snoozed {
            self.set_status(conversation, Status::Open, actor, reason);
        }
    }

    /// Changes the priority, if it differs; what is due is told anew.
    pub fn set_priority(&mut self, conversation: &mut Conversation, to: Priority, actor: Actor) -> bool {
        let from = std::mem::replace(&mut conversation.priority, to);
        if from == to {
            return false;
        }
        conversation.answer_due_at = None;
        self.entry(conversation, actor, Event::PriorityChanged { from, to });
        true
    }

    /// Puts labels on and takes others off. The caller holds the tenant's labels.
    pub fn set_labels(&mut self, conversation: &mut Conversation, labels: Vec<Uuid>, actor: Actor) -> bool {
        let before = std::mem::replace(&mut conversation.label_ids, labels);
        let now = &conversation.label_ids;
        let added: Vec<Uuid> = now.iter().filter(|id| !before.contains(id)).copied().collect();
        let removed: Vec<Uuid> = before.iter().filter(|id| !now.contains(id)).copied().collect();
        if added.is_empty() && removed.is_empty() {
            return false;
        }
        for (ids, delta) in [(&added, 1), (&removed, -1)] {
            for id in ids {
                *self.label_counts.entry(*id).or_default() += delta;
            }
        }
        self.labelling.changed(conversation, &added, &removed);
        self.labelled.insert(conversation.id);
        self.entry(conversation, actor, Event::LabelsChanged { added, removed });
        true
    }

    /// Keeps `due_at` with what was done: one rule for every write.
    pub(super) async fn tell_due(
        &self,
        connection: &mut Connection,
        new: &mut [Conversation],
        changed: &mut [Conversation],
    ) -> Result<()> {
        let all = || new.iter().chain(&*changed);
        let goals = match all().any(goals::concern) {
            true => store::goals::find(connection, self.tenant_id).await?,
            false => Goals::default(),
        };
        let updates = match all().any(|conversation| !conversation.label_ids.is_empty()) {
            true => Updates::read(connection, self.tenant_id, &goals).await?,
            false => Updates::default(),
        };
        for conversation in new.iter_mut().chain(changed) {
            goals::tell(conversation, &goals, &updates, self.now);
        }
        Ok(())
    }
}
