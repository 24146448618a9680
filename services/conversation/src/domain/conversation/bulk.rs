//! One change to many conversations: one transaction, in which each is changed or refused alone. What refuses is known
//! under the locks, before anything of that conversation is changed; a failure of the database undoes the whole call.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_change_feed::Written;
use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::close::end;
use super::labels::labelled;
use super::mark_read::{read_otherwise, reader};
use super::send::{answered, changeable};
use super::snooze::{ahead, put_aside};
use crate::domain::Domain;
use crate::domain::kinds::{Priority, Status};
use crate::domain::label::{self, change};
use crate::domain::model::{Actor, Conversation, Row};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;

#[derive(Debug)]
pub struct Bulk {
    pub request: Request,
    /// Each once, in the order of the results.
    pub conversation_ids: Vec<Uuid>,
    pub change: Change,
}

#[derive(Debug)]
pub enum Change {
    Close { reason: String },
    Labels { add: Vec<String>, remove: Vec<String> },
    Priority(Priority),
    MarkRead,
    Snooze { until: DateTime<Utc>, note: String },
}

/// Why a conversation was left as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// `Reason::as_str`.
    pub reason: String,
    pub message: String,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { reason: fault.reason.as_str().to_owned(), message: fault.message }
    }
}

/// What stands under the request id: the rest is read anew.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Recorded {
    refused: BTreeMap<Uuid, Refused>,
    written: Option<(i64, i64)>,
}

/// The results in the order of the request, and the change token.
pub type Results = (Vec<(Uuid, Result<Box<Row>, Refused>)>, String);

impl Domain {
    pub async fn bulk(&self, viewer: &Viewer, bulk: Bulk) -> Result<Results> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        let recorded = match request_log::claim(&mut tx, &bulk.request, now).await? {
            Some(first) => first,
            None => {
                let step = Step::prepare(self, &mut tx, viewer, &bulk).await?;
                let recorded = self.change_all(&mut tx, viewer, &bulk.conversation_ids, step, now).await?;
                request_log::record(&mut tx, &bulk.request, &recorded).await?;
                recorded
            }
        };
        tx.commit().await?;
        self.sequencer.wake();
        self.bulk_answer(viewer, &bulk.conversation_ids, recorded).await
    }

    async fn change_all(
        &self,
        connection: &mut Connection,
        viewer: &Viewer,
        ids: &[Uuid],
        step: Step,
        now: DateTime<Utc>,
    ) -> Result<Recorded> {
        let locked = store::conversation::lock(connection, viewer.tenant_id, ids).await?;
        let mut locked: HashMap<Uuid, Conversation> =
            locked.into_iter().map(|conversation| (conversation.id, conversation)).collect();
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        let mut refused = BTreeMap::new();
        let (mut changed, mut read) = (Vec::new(), Vec::new());
        for id in ids {
            let done = changeable(viewer, locked.remove(id)).and_then(|mut conversation| {
                let done = step.apply(&mut work, viewer, &mut conversation)?;
                Ok((done, conversation))
            });
            match done {
                Ok((Done::Changed, conversation)) => changed.push(conversation),
                Ok((Done::Read, conversation)) => read.push(conversation),
                Ok((Done::Same, _)) => {}
                Err(fault) => {
                    refused.insert(*id, Refused::from(fault));
                }
            }
        }
        if let Step::MarkRead { agent_id } = step {
            self.read_all(connection, &mut work, agent_id, read).await?;
        }
        let written = work.write(connection, &[], &mut changed).await?;
        let written = written.map(|written| (written.outbox_id, written.mark));
        Ok(Recorded { refused, written })
    }

    async fn read_all(
        &self,
        connection: &mut Connection,
        work: &mut Work<'_>,
        agent_id: Uuid,
        read: Vec<Conversation>,
    ) -> Result<()> {
        for conversation in read {
            let (id, number) = (conversation.id, conversation.activity_number);
            store::reading::set(connection, work.tenant_id, agent_id, id, number, false).await?;
            work.changed.push(read_otherwise(work.tenant_id, &conversation));
        }
        Ok(())
    }

    /// Reads what a recorded call answers.
    async fn bulk_answer(&self, viewer: &Viewer, ids: &[Uuid], mut recorded: Recorded) -> Result<Results> {
        let mut connection = self.pool.acquire().await?;
        let wanted: Vec<Uuid> = ids.iter().filter(|id| !recorded.refused.contains_key(id)).copied().collect();
        let rows = store::row::read(&mut connection, viewer.tenant_id, &wanted, viewer.agent_id).await?;
        let mut rows: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.conversation.id, row)).collect();
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            let result = match recorded.refused.remove(id) {
                Some(refused) => Err(refused),
                None => Ok(Box::new(rows.remove(id).ok_or_else(|| Fault::not_found("conversation"))?)),
            };
            results.push((*id, result));
        }
        let written = recorded.written.map(|(outbox_id, mark)| Written { outbox_id, mark });
        Ok((results, self.freshness.token(written)))
    }
}

/// The change with everything that it needs besides a conversation.
enum Step {
    Close { actor: Actor, reason: String },
    Labels { actor: Actor, change: label::Change },
    Priority { actor: Actor, priority: Priority },
    MarkRead { agent_id: Uuid },
    Snooze { actor: Actor, until: DateTime<Utc>, note: String },
}

enum Done {
    Changed,
    /// A read position was; the conversation itself stays.
    Read,
    Same,
}

impl Step {
    /// Refuses what holds for no conversation.
    async fn prepare(
        domain: &Domain,
        connection: &mut Connection,
        viewer: &Viewer,
        bulk: &Bulk,
    ) -> Result<Self> {
        let tenant_id = viewer.tenant_id;
        Ok(match &bulk.change {
            Change::Close { reason } => Self::Close { actor: viewer.acting()?, reason: reason.clone() },
            Change::Labels { add, remove } => {
                // A call that meets no conversation creates no labels.
                let ids: Vec<(Uuid, Uuid)> =
                    bulk.conversation_ids.iter().map(|id| (tenant_id, *id)).collect();
                let found = store::conversation::read(connection, &ids).await?;
                let met = found.iter().any(|(_, found)| viewer.scope.covers(found.channel_id));
                let add = if met { &add[..] } else { &[] };
                let change = change(connection, &domain.ambient, tenant_id, add, remove).await?;
                Self::Labels { actor: viewer.actor().unwrap_or(Actor::SYSTEM), change }
            }
            Change::Priority(priority) => Self::Priority { actor: viewer.acting()?, priority: *priority },
            Change::MarkRead => Self::MarkRead { agent_id: reader(viewer)? },
            Change::Snooze { until, note } => {
                ahead("snooze.until", *until, domain.ambient.now())?;
                Self::Snooze { actor: viewer.acting()?, until: *until, note: note.clone() }
            }
        })
    }

    /// Changes one locked conversation, or refuses before anything of it is changed.
    fn apply(
        &self,
        work: &mut Work,
        viewer: &Viewer,
        conversation: &mut Conversation,
    ) -> Result<Done, Fault> {
        let changed = |changed| if changed { Done::Changed } else { Done::Same };
        match self {
            Self::Close { actor, reason } => {
                if conversation.status == Status::Closed {
                    return Ok(Done::Same);
                }
                manageable(viewer, conversation, *actor)?;
                answered(conversation, *actor, 0);
                end(work, conversation, *actor, reason);
                Ok(Done::Changed)
            }
            Self::Labels { actor, change } => {
                let labels = labelled(conversation, &change.add, &change.remove)?;
                Ok(changed(work.set_labels(conversation, labels, *actor)))
            }
            Self::Priority { actor, priority } => {
                Ok(changed(work.set_priority(conversation, *priority, *actor)))
            }
            Self::MarkRead { .. } => {
                Ok(if conversation.activity_number > 0 { Done::Read } else { Done::Same })
            }
            Self::Snooze { actor, until, note } => {
                manageable(viewer, conversation, *actor)?;
                put_aside(work, conversation, *until, *actor, note)?;
                Ok(Done::Changed)
            }
        }
    }
}

fn manageable(viewer: &Viewer, conversation: &Conversation, actor: Actor) -> Result<(), Fault> {
    if viewer.may_manage(conversation, actor) {
        return Ok(());
    }
    Err(Fault::new(Reason::HeldByOther, "another holder has it"))
}
