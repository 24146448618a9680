use chrono::{DateTime, TimeDelta, Utc};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::changeable;
use crate::domain::Domain;
use crate::domain::holder::transfer::held_by_other;
use crate::domain::kinds::Status;
use crate::domain::model::{Actor, Conversation};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::Work;
use crate::store;

/// How far ahead.
const LONGEST: TimeDelta = TimeDelta::days(366);

#[derive(Debug)]
pub struct Snooze {
    pub request: Request,
    pub conversation_id: Uuid,
    pub until: DateTime<Utc>,
    pub note: String,
}

impl Domain {
    /// Puts a live conversation aside until a time, with a note for then.
    pub async fn snooze(&self, viewer: &Viewer, snooze: Snooze) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &snooze.request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        ahead("until", snooze.until, now)?;
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, snooze.conversation_id).await?;
        let mut conversation = changeable(viewer, found)?;
        let actor = viewer.acting()?;
        if !viewer.may_manage(&conversation, actor) {
            return Err(held_by_other(&mut tx, viewer.tenant_id, &conversation).await?.into());
        }
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        put_aside(&mut work, &mut conversation, snooze.until, actor, &snooze.note)?;
        let written = work.write(&mut tx, &[], &mut [conversation]).await?;
        let recorded = Recorded::new(snooze.conversation_id, &[], written);
        request_log::record(&mut tx, &snooze.request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }

    /// Wakes a snoozed conversation now. One that is awake, or closed, stays as it is.
    pub async fn wake(&self, viewer: &Viewer, request: Request, conversation_id: Uuid) -> Result<Outcome> {
        self.change(viewer, request, conversation_id, |work, conversation| {
            let actor = viewer.acting()?;
            let sleeps = conversation.status == Status::Snoozed;
            if sleeps {
                work.wake(conversation, actor, "");
            }
            Ok(sleeps)
        })
        .await
    }
}

/// Asked after the request id: an hour later the same call still gets its first answer.
pub fn ahead(field: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Fault> {
    if until > now && until <= now + LONGEST {
        return Ok(());
    }
    Err(Fault::invalid(field, "must be after now, and at most a year ahead"))
}

/// Puts a locked conversation aside, or moves the time of one that is.
pub fn put_aside(
    work: &mut Work,
    conversation: &mut Conversation,
    until: DateTime<Utc>,
    actor: Actor,
    note: &str,
) -> Result<(), Fault> {
    if conversation.status == Status::Closed {
        return Err(Fault::new(Reason::ConversationClosed, "the conversation is closed"));
    }
    work.snooze(conversation, until, actor, note);
    Ok(())
}
