//! Promise 4: a change of holder is one compare-and-set under the conversation's lock.

use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::content::Content;
use crate::domain::conversation::labels::labelled;
use crate::domain::conversation::send::{
    answered, changeable, holder_word, may_answer, may_leave, same_epoch,
};
use crate::domain::kinds::{ActorKind, Cause, HandOffReason, HolderKind, Priority, Status};
use crate::domain::label::named;
use crate::domain::model::{Actor, Channel, Conversation, Holder};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::{Draft, HolderChange, Work};
use crate::store;

/// The scope of transfers in the request log; resolving one looks here too.
pub const SCOPE: &str = "TransferHolder";

#[derive(Debug)]
pub struct Transfer {
    pub request: Request,
    pub conversation_id: Uuid,
    /// 0: from the AI, a queue, nobody or the actor, but from no other person.
    pub expected_epoch: i64,
    pub to: Holder,
    pub cause: Cause,
    pub actor: Actor,
    pub note: String,
    pub priority: Option<Priority>,
    pub hand_off_reason: Option<HandOffReason>,
    pub hand_off_summary: String,
    pub last_contents: Vec<Content>,
    pub answers_position: i64,
    pub force: bool,
    /// Labels that are put on with it.
    pub add_label_ids: Vec<Uuid>,
    pub hand_off_skill: String,
    pub hand_off_language: String,
    /// It was chosen because it waits in a queue: not while it is snoozed.
    pub from_queue: bool,
}

impl Domain {
    /// Changes the holder. The request id is looked up before the epoch is compared, so a retry after a crash gets the
    /// first answer.
    pub async fn transfer(&self, viewer: &Viewer, transfer: Transfer) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &transfer.request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let add = named(&mut tx, viewer.tenant_id, &transfer.add_label_ids).await?;
        let found =
            store::conversation::lock_one(&mut tx, viewer.tenant_id, transfer.conversation_id).await?;
        let mut conversation = changeable(viewer, found)?;
        may_change(&mut tx, viewer.tenant_id, &conversation, &transfer).await?;
        let channel = store::channel::find_one(&mut tx, viewer.tenant_id, conversation.channel_id).await?;
        let channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
        if transfer.to.kind == HolderKind::Ai && !channel.ai_enabled {
            return Err(Fault::new(Reason::AiDisabled, "the channel has no AI").into());
        }
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        last_words(&mut work, &mut conversation, &channel, &transfer)?;
        let labels = labelled(&conversation, &add, &[])?;
        work.set_labels(&mut conversation, labels, transfer.actor);
        let request_id = transfer.request.request_id;
        let request = transfer.request.clone();
        let entry_id = apply(&mut work, &mut conversation, transfer, request_id);
        store::ai::end(&mut tx, viewer.tenant_id, &[conversation.id]).await?;
        let messages = work.messages.clone();
        let conversation_id = conversation.id;
        let written = work.write(&mut tx, &[], &mut [conversation]).await?;
        let recorded =
            Recorded { entry_id: Some(entry_id), ..Recorded::new(conversation_id, &messages, written) };
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}

async fn may_change(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation: &Conversation,
    transfer: &Transfer,
) -> Result<()> {
    if conversation.status == Status::Closed {
        return Err(Fault::new(Reason::ConversationClosed, "the conversation is closed").into());
    }
    // The release before says so by the cause alone.
    let from_queue = transfer.from_queue || transfer.cause == Cause::Route;
    if from_queue && conversation.status == Status::Snoozed {
        // A snooze changes no epoch: who chose may not have heard of it.
        return Err(Fault::new(Reason::HolderChanged, "the conversation is snoozed").into());
    }
    if transfer.actor.kind == ActorKind::Ai {
        return Ok(same_epoch(conversation, transfer.expected_epoch)?);
    }
    let stale = transfer.expected_epoch != 0 && transfer.expected_epoch != conversation.epoch;
    let others = conversation.holder.is_person() && conversation.holder.id != transfer.actor.id;
    if stale || (others && !transfer.force) {
        return Err(held_by_other(connection, tenant_id, conversation).await?.into());
    }
    Ok(())
}

/// Tells the loser of a race who won.
pub async fn held_by_other(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation: &Conversation,
) -> Result<Fault> {
    let holder = conversation.holder;
    let name = match holder.id {
        Some(id) => store::projection::holder_name(connection, tenant_id, id).await?,
        None => None,
    };
    Ok(Fault::new(Reason::HeldByOther, "another holder has it")
        .with("holder_kind", holder_word(holder.kind))
        .with("holder_id", holder.id.map(|id| id.to_string()).unwrap_or_default())
        .with("holder_name", name.unwrap_or_default())
        .with("epoch", conversation.epoch)
        .with("since", conversation.holder_since.to_rfc3339()))
}

/// The AI's last messages of a hand-off: committed with it and not withdrawn by it.
fn last_words(
    work: &mut Work,
    conversation: &mut Conversation,
    channel: &Channel,
    transfer: &Transfer,
) -> Result<(), Fault> {
    if transfer.actor.kind == ActorKind::Ai {
        may_answer(conversation, transfer.answers_position)?;
    }
    if transfer.last_contents.is_empty() {
        return Ok(());
    }
    may_leave(channel, conversation, &transfer.last_contents, work.now)?;
    let before = work.before_reply(conversation);
    for content in transfer.last_contents.clone() {
        let draft = Draft {
            answers_position: transfer.answers_position,
            ..Draft::now(transfer.actor, content, work.now)
        };
        work.reply(conversation, draft, false);
    }
    answered(conversation, transfer.actor, transfer.answers_position);
    work.after_reply(conversation, before);
    work.set_status(conversation, Status::Open, transfer.actor, "");
    Ok(())
}

fn apply(work: &mut Work, conversation: &mut Conversation, transfer: Transfer, request_id: Uuid) -> Uuid {
    let actor = transfer.actor;
    if let Some(to) = transfer.priority {
        work.set_priority(conversation, to, actor);
    }
    if transfer.hand_off_reason.is_some() {
        conversation.hand_off_reason = transfer.hand_off_reason;
        conversation.hand_off_summary.clone_from(&transfer.hand_off_summary);
    }
    if transfer.cause == Cause::TakeOver {
        conversation.needs_attention = None;
    }
    if transfer.to.kind == HolderKind::Ai
        && conversation.last_customer_position > conversation.answered_position
    {
        // The AI goes on where people stopped: what the customer last said waits for it.
        conversation.waiting_since.get_or_insert(work.now);
    }
    let change = HolderChange {
        note: transfer.note,
        hand_off_reason: transfer.hand_off_reason,
        hand_off_summary: transfer.hand_off_summary,
        hand_off_skill: transfer.hand_off_skill,
        hand_off_language: transfer.hand_off_language,
        request_id: Some(request_id),
        ..HolderChange::new(transfer.to, transfer.cause, actor)
    };
    work.change_holder(conversation, change)
}
