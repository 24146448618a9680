use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::{answered, changeable, may_answer, may_leave, not_holder, same_epoch};
use crate::domain::Domain;
use crate::domain::content::Content;
use crate::domain::holder::transfer::held_by_other;
use crate::domain::kinds::{ActorKind, Cause, HolderKind, Status};
use crate::domain::model::{Actor, Conversation, Holder};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::{Draft, HolderChange, Work};
use crate::store;

#[derive(Debug)]
pub struct Close {
    pub request: Request,
    pub conversation_id: Uuid,
    pub expected_epoch: i64,
    pub last_contents: Vec<Content>,
    pub reason: String,
    pub answers_position: i64,
}

impl Domain {
    /// Closes a conversation, with last messages that the close does not withdraw. Closing is a change of holder, to
    /// nobody: what the AI writes under the epoch before it does not get through.
    pub async fn close(&self, viewer: &Viewer, close: Close) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &close.request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, close.conversation_id).await?;
        let mut conversation = changeable(viewer, found)?;
        let actor = viewer.acting()?;
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        let conversation_id = conversation.id;
        let mut recorded = Recorded::new(conversation_id, &[], None);
        if conversation.status != Status::Closed {
            if close.expected_epoch != 0 || actor.kind == ActorKind::Ai {
                same_epoch(&conversation, close.expected_epoch)?;
            }
            if actor.kind == ActorKind::Ai {
                may_answer(&conversation, close.answers_position)?;
            } else if !viewer.may_manage(&conversation, actor) {
                return Err(held_by_other(&mut tx, viewer.tenant_id, &conversation).await?.into());
            } else if !close.last_contents.is_empty() && conversation.holder.id != actor.id {
                return Err(not_holder(&conversation).into());
            }
            if !close.last_contents.is_empty() {
                let channel =
                    store::channel::find_one(&mut tx, viewer.tenant_id, conversation.channel_id).await?;
                let channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
                may_leave(&channel, &conversation, &close.last_contents, now)?;
            }
            let before = work.before_reply(&conversation);
            for content in close.last_contents {
                let draft =
                    Draft { answers_position: close.answers_position, ..Draft::now(actor, content, now) };
                work.reply(&mut conversation, draft, false);
            }
            answered(&mut conversation, actor, close.answers_position);
            work.after_reply(&conversation, before);
            end(&mut work, &mut conversation, actor, &close.reason);
            let messages = work.messages.clone();
            let written = work.write(&mut tx, &[], &mut [conversation]).await?;
            recorded = Recorded::new(conversation_id, &messages, written);
        } else if !close.last_contents.is_empty() {
            return Err(Fault::new(Reason::ConversationClosed, "the conversation is closed").into());
        }
        request_log::record(&mut tx, &close.request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}

/// Closes a locked conversation: status first, then nobody holds it.
pub fn end(work: &mut Work, conversation: &mut Conversation, actor: Actor, reason: &str) {
    work.set_status(conversation, Status::Closed, actor, reason);
    if conversation.holder.kind != HolderKind::Nobody {
        work.change_holder(conversation, HolderChange::new(Holder::NOBODY, Cause::Close, actor));
    }
}
