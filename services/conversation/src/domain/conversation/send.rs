//! Answers the customer, or leaves a private note. Promise 5 lives here: the insert refuses what the AI wrote under a
//! holder that is gone, and a second answer to the same position.

use chrono::{DateTime, Utc};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::content::Content;
use crate::domain::kinds::{ActorKind, Cause, HolderKind, Status};
use crate::domain::model::{Actor, Channel, Conversation, Holder};
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::{Draft, HolderChange, Work};
use crate::store;

#[derive(Debug)]
pub struct Send {
    pub request: Request,
    pub conversation_id: Uuid,
    pub contents: Vec<Content>,
    /// 0 when the caller does not say.
    pub expected_epoch: i64,
    pub answers_position: i64,
    pub private: bool,
    pub take_over: bool,
    pub reply_to_position: i64,
    /// Whom a private note calls.
    pub mention_agent_ids: Vec<Uuid>,
}

impl Domain {
    /// Appends 1 to 10 messages that go out together.
    pub async fn send(&self, viewer: &Viewer, send: Send) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &send.request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let found = store::conversation::lock_one(&mut tx, viewer.tenant_id, send.conversation_id).await?;
        let mut conversation = changeable(viewer, found)?;
        if send.reply_to_position > conversation.last_position {
            return Err(Fault::invalid("reply_to_position", "must be a position of the conversation").into());
        }
        let channel = store::channel::find_one(&mut tx, viewer.tenant_id, conversation.channel_id).await?;
        let channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
        let actor = viewer.actor()?;
        let active =
            store::projection::active_agents(&mut tx, viewer.tenant_id, &send.mention_agent_ids).await?;
        all_active(&send.mention_agent_ids, &active)?;
        let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
        if !send.private {
            admit(&mut work, &mut conversation, &channel, actor, &send)?;
        }
        let before = work.before_reply(&conversation);
        for (index, content) in send.contents.into_iter().enumerate() {
            let draft = Draft {
                private: send.private,
                answers_position: send.answers_position,
                reply_to_position: if index == 0 { send.reply_to_position } else { 0 },
                mention_agent_ids: if index == 0 { send.mention_agent_ids.clone() } else { Vec::new() },
                ..Draft::now(actor, content, now)
            };
            if send.private {
                work.append(&mut conversation, draft);
            } else {
                work.reply(&mut conversation, draft, actor.kind == ActorKind::Ai);
            }
        }
        if !send.private {
            answered(&mut conversation, actor, send.answers_position);
            work.after_reply(&conversation, before);
            if conversation.status != Status::Open {
                work.set_status(&mut conversation, Status::Open, actor, "");
            }
            store::ai::end(&mut tx, viewer.tenant_id, &[conversation.id]).await?;
        }
        let messages = work.messages.clone();
        let conversation_id = conversation.id;
        let written = work.write(&mut tx, &[], &mut [conversation]).await?;
        let recorded = Recorded::new(conversation_id, &messages, written);
        request_log::record(&mut tx, &send.request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}

/// A conversation that does not exist and one outside the caller's scope answer alike.
pub fn visible(viewer: &Viewer, conversation: Option<Conversation>) -> Result<Conversation, Fault> {
    conversation
        .filter(|conversation| viewer.scope.covers(conversation.channel_id))
        .ok_or_else(|| Fault::not_found("conversation"))
}

/// As [`visible`], of one that may be written to: what was erased stays so.
pub fn changeable(viewer: &Viewer, conversation: Option<Conversation>) -> Result<Conversation, Fault> {
    let conversation = visible(viewer, conversation)?;
    match conversation.erased_at {
        None => Ok(conversation),
        Some(_) => Err(Fault::new(Reason::Erased, "the conversation was erased")),
    }
}

/// Everybody whom a note calls is there to hear it.
fn all_active(mentioned: &[Uuid], active: &[Uuid]) -> Result<(), Fault> {
    let mut violations = tandem_fault::Violations::new();
    for (index, _) in mentioned.iter().enumerate().filter(|(_, id)| !active.contains(id)) {
        violations.add(format!("mention_agent_ids[{index}]"), "must be an active agent");
    }
    violations.finish()
}

/// Whether this caller may speak now; takes over where the call says so.
fn admit(
    work: &mut Work,
    conversation: &mut Conversation,
    channel: &Channel,
    actor: Actor,
    send: &Send,
) -> Result<(), Fault> {
    if send.expected_epoch != 0 || actor.kind == ActorKind::Ai {
        same_epoch(conversation, send.expected_epoch)?;
    }
    if conversation.status == Status::Closed {
        return Err(Fault::new(Reason::ConversationClosed, "the conversation is closed"));
    }
    if actor.kind == ActorKind::Ai {
        may_answer(conversation, send.answers_position)?;
    } else if conversation.holder != (Holder { kind: HolderKind::Agent, id: actor.id }) {
        if !send.take_over || conversation.holder.is_person() {
            return Err(not_holder(conversation));
        }
        let change =
            HolderChange::new(Holder { kind: HolderKind::Agent, id: actor.id }, Cause::TakeOver, actor);
        work.change_holder(conversation, change);
    }
    may_leave(channel, conversation, &send.contents, work.now)
}

/// The fence: what was written under another epoch does not get through.
pub fn same_epoch(conversation: &Conversation, expected: i64) -> Result<(), Fault> {
    if conversation.epoch == expected {
        return Ok(());
    }
    Err(Fault::new(Reason::HolderChanged, "the holder changed since")
        .with("epoch", conversation.epoch)
        .with("holder_kind", holder_word(conversation.holder.kind)))
}

/// The AI holds it, and the position has not been answered. A follow-up (position 0) answers nothing.
pub fn may_answer(conversation: &Conversation, answers_position: i64) -> Result<(), Fault> {
    if conversation.holder.kind != HolderKind::Ai {
        return Err(not_holder(conversation));
    }
    if answers_position > conversation.last_customer_position {
        return Err(Fault::invalid("answers_position", "must be a customer's position of the conversation"));
    }
    if answers_position != 0 && answers_position <= conversation.answered_position {
        return Err(Fault::new(Reason::AlreadyAnswered, "the position was answered before")
            .with("answered_position", conversation.answered_position));
    }
    Ok(())
}

/// Notes what was answered. A person's reply answers everything up to now.
pub fn answered(conversation: &mut Conversation, actor: Actor, answers_position: i64) {
    let up_to = match actor.kind {
        ActorKind::Ai => answers_position,
        _ => conversation.last_customer_position,
    };
    conversation.answered_position = conversation.answered_position.max(up_to);
    if conversation.answered_position >= conversation.last_customer_position {
        conversation.waiting_since = None;
    }
    if actor.kind != ActorKind::Ai {
        conversation.needs_attention = None;
    }
}

/// The channel takes part, can carry it, and its reply window is open.
pub fn may_leave(
    channel: &Channel,
    conversation: &Conversation,
    contents: &[Content],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    if !channel.takes_part() {
        return Err(Fault::new(Reason::ChannelDisabled, "the channel is disabled"));
    }
    if !channel.templates && contents.iter().any(Content::is_template) {
        return Err(Fault::new(Reason::CapabilityMissing, "the channel carries no templates"));
    }
    let longest = usize::try_from(channel.max_text_length).unwrap_or(usize::MAX);
    let mut violations = tandem_fault::Violations::new();
    for (index, content) in contents.iter().enumerate() {
        if content.text_length() > longest {
            violations.add(
                format!("contents[{index}]"),
                format!("must be at most {longest} characters on this channel"),
            );
        }
    }
    violations.finish()?;
    if let Some(window) = channel.reply_window
        && !contents.iter().all(Content::is_template)
    {
        let closed_at = conversation.last_customer_at.map(|at| at + window);
        if closed_at.is_none_or(|closed_at| closed_at <= now) {
            let fault = Fault::new(Reason::ReplyWindowClosed, "the reply window is over, send a template");
            return Err(match closed_at {
                Some(at) => fault.with("closed_at", at.to_rfc3339()),
                None => fault,
            });
        }
    }
    Ok(())
}

pub fn not_holder(conversation: &Conversation) -> Fault {
    Fault::new(Reason::NotHolder, "the caller does not hold the conversation")
        .with("holder_kind", holder_word(conversation.holder.kind))
        .with("epoch", conversation.epoch)
}

/// The holder's kind as error metadata spells it.
pub fn holder_word(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::Ai => "AI",
        HolderKind::Agent => "AGENT",
        HolderKind::Team => "TEAM",
        HolderKind::Nobody => "NOBODY",
    }
}
