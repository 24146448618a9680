//! Which conversation a message belongs to: the contact's live one, the one that it reopens, or a new one.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::contacts::Book;
use crate::domain::content::Content;
use crate::domain::kinds::{ActorKind, Attention, Cause, HolderKind, ReopenPolicy, Status};
use crate::domain::model::{Actor, Channel, Conversation, Event, Holder, Message};
use crate::domain::work::{HolderChange, Work, fresh};
use crate::store;

/// The locked and the new conversations of a batch, by id, and which one is each contact's current.
#[derive(Debug, Default)]
pub struct Threads {
    locked: BTreeMap<Uuid, Conversation>,
    new: BTreeMap<Uuid, Conversation>,
    touched: std::collections::BTreeSet<Uuid>,
    current: BTreeMap<Uuid, Uuid>,
}

impl Threads {
    /// Locks, in the order of their ids, the current conversation of each contact and those of the targets; what is read
    /// is what stands under the locks.
    pub async fn open(
        connection: &mut Connection,
        tenant_id: Uuid,
        contact_ids: &[Uuid],
        targets: &[Uuid],
    ) -> Result<Self> {
        let current = store::conversation::current_of_contacts(connection, tenant_id, contact_ids).await?;
        let mut ids: Vec<Uuid> = current.iter().map(|(_, id)| *id).chain(targets.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let locked = match ids.is_empty() {
            true => Vec::new(),
            false => store::conversation::lock(connection, tenant_id, &ids).await?,
        };
        Ok(Self {
            locked: locked.into_iter().map(|conversation| (conversation.id, conversation)).collect(),
            current: current.into_iter().collect(),
            ..Self::default()
        })
    }

    /// A locked or new conversation, to be changed.
    pub fn touch(&mut self, id: Uuid) -> Option<&mut Conversation> {
        if let Some(conversation) = self.new.get_mut(&id) {
            return Some(conversation);
        }
        self.touched.insert(id);
        self.locked.get_mut(&id)
    }

    /// What a list shows of a conversation follows its newest message when that is edited or deleted.
    pub fn show(&mut self, message: &Message) {
        let is_shown = self.get(message.conversation_id).is_some_and(|conversation| {
            conversation.last_customer_position == message.position
                && conversation.preview_author == Some(ActorKind::Customer)
        });
        if !is_shown {
            return;
        }
        let preview = message.content.as_ref().map(Content::preview).unwrap_or_default();
        // Most of what happens to a message shows on no list: its conversation does not change with it.
        let is_other = self.get(message.conversation_id).is_some_and(|shown| shown.preview != preview);
        if is_other && let Some(conversation) = self.touch(message.conversation_id) {
            conversation.preview = preview;
        }
    }

    fn get(&self, id: Uuid) -> Option<&Conversation> {
        self.new.get(&id).or_else(|| self.locked.get(&id))
    }

    /// Where the customer's message goes. Reopens or starts as the channel's policy says; a late message that precedes
    /// the business's last reply reopens nothing. Nowhere, when it comes late to what was erased.
    pub fn for_customer(
        &mut self,
        work: &mut Work,
        channel: &Channel,
        contact: Uuid,
        source_at: DateTime<Utc>,
    ) -> Option<Uuid> {
        let (holder, author) = (first_holder(channel), Actor::customer(contact));
        let Some(current) = self.current.get(&contact).copied() else {
            return Some(self.start(work, channel, contact, holder, None, author));
        };
        let Some(conversation) = self.get(current) else { return Some(current) };
        if conversation.erased_at.is_some() {
            let is_late = is_from_before_its_close(conversation, source_at);
            return (!is_late).then(|| self.start(work, channel, contact, holder, Some(current), author));
        }
        if conversation.status != Status::Closed || is_late(conversation, source_at) {
            return Some(current);
        }
        if reopens(channel, conversation, work.now) {
            let Some(conversation) = self.touch(current) else { return Some(current) };
            work.set_status(conversation, Status::New, author, "");
            conversation.reopen_count += 1;
            work.change_holder(conversation, HolderChange::new(holder, Cause::Reopen, author));
            return Some(current);
        }
        Some(self.start(work, channel, contact, holder, Some(current), author))
    }

    /// Where a reply typed on the business's own device goes; it counts as a take-over by the channel's default team,
    /// from the AI and from nobody. One that comes late, from before the close, starts nothing, and goes nowhere when that
    /// was erased.
    pub fn for_echo(
        &mut self,
        work: &mut Work,
        channel: &Channel,
        contact: Uuid,
        source_at: DateTime<Utc>,
    ) -> Option<Uuid> {
        let team = Holder::team_or_nobody(channel.default_team_id);
        let current = self.current.get(&contact).copied();
        let Some((id, found)) = current.and_then(|id| Some((id, self.get(id)?))) else {
            return Some(self.start(work, channel, contact, team, current, Actor::BUSINESS));
        };
        if found.closed_at.is_some() {
            return match is_from_before_its_close(found, source_at) {
                true => found.erased_at.is_none().then_some(id),
                false => Some(self.start(work, channel, contact, team, current, Actor::BUSINESS)),
            };
        }
        if let Some(conversation) = self.touch(id)
            && matches!(conversation.holder.kind, HolderKind::Ai | HolderKind::Nobody)
            && conversation.holder != team
        {
            work.change_holder(conversation, HolderChange::new(team, Cause::Echo, Actor::BUSINESS));
        }
        Some(id)
    }

    /// A contact's live conversation, else its latest, if it was not erased.
    pub fn current(&self, contact: Uuid) -> Option<Uuid> {
        let current = self.current.get(&contact).copied();
        current.filter(|id| self.get(*id).is_none_or(|conversation| conversation.erased_at.is_none()))
    }

    fn start(
        &mut self,
        work: &mut Work,
        channel: &Channel,
        contact: Uuid,
        holder: Holder,
        predecessor: Option<Uuid>,
        actor: Actor,
    ) -> Uuid {
        let id = work.ambient.id_at(work.now);
        let conversation = fresh(id, channel.id, contact, holder, predecessor, work.now);
        work.started(&conversation, actor);
        if let Some(before) = predecessor.and_then(|before| self.touch(before)) {
            before.successor_id = Some(id);
        }
        self.new.insert(id, conversation);
        self.current.insert(contact, id);
        id
    }

    /// Two contacts turned out to be one: the younger's live conversation closes with a link to its successor, and a
    /// person's hold survives into that.
    pub fn join(
        &mut self,
        work: &mut Work,
        channels: &BTreeMap<Uuid, Channel>,
        book: &Book,
        younger: Uuid,
        older: Uuid,
    ) {
        let Some(closing) = self.current.remove(&younger) else { return };
        let Some(conversation) = self.touch(closing) else { return };
        if conversation.status == Status::Closed {
            self.current.entry(older).or_insert(closing);
            return;
        }
        let (holder, was_waiting) = (conversation.holder, conversation.waiting_since);
        work.set_status(conversation, Status::Closed, Actor::SYSTEM, "the contact is another one");
        work.change_holder(conversation, HolderChange::new(Holder::NOBODY, Cause::Merge, Actor::SYSTEM));
        let live = self
            .current
            .get(&older)
            .copied()
            .filter(|id| self.get(*id).is_some_and(|conversation| conversation.status != Status::Closed));
        let successor = match live {
            Some(id) => {
                if let Some(other) = self.touch(id)
                    && holder.is_person()
                    && !other.holder.is_person()
                {
                    work.change_holder(other, HolderChange::new(holder, Cause::Merge, Actor::SYSTEM));
                }
                id
            }
            None => {
                let channel = book.channel_of(older).and_then(|id| channels.get(&id));
                let Some(channel) = channel else { return };
                let id = self.start(work, channel, older, holder, Some(closing), Actor::SYSTEM);
                if holder.is_person()
                    && let Some(started) = self.new.get_mut(&id)
                {
                    started.status = Status::Open;
                }
                id
            }
        };
        if let Some(conversation) = self.touch(closing) {
            conversation.successor_id = Some(successor);
        }
        if let Some(other) = self.touch(successor)
            && other.waiting_since.is_none()
            && other.last_customer_position > other.answered_position
        {
            other.waiting_since = was_waiting;
        }
    }

    /// The conversations to insert, and those to save.
    pub fn into_parts(self) -> (Vec<Conversation>, Vec<Conversation>) {
        let Self { locked, new, touched, .. } = self;
        let changed =
            locked.into_values().filter(|conversation| touched.contains(&conversation.id)).collect();
        (new.into_values().collect(), changed)
    }
}

/// The AI holds it if the channel has one.
fn first_holder(channel: &Channel) -> Holder {
    if channel.ai_enabled { Holder::AI } else { Holder::team_or_nobody(channel.default_team_id) }
}

/// Channels stamp in whole seconds, so a message of the same second is not late.
fn is_late(conversation: &Conversation, source_at: DateTime<Utc>) -> bool {
    conversation.last_reply_source_at.is_some_and(|reply| source_at < reply.trunc_subsecs(0))
}

/// By the channel's clock, in whole seconds.
fn is_from_before_its_close(conversation: &Conversation, source_at: DateTime<Utc>) -> bool {
    conversation.closed_at.is_some_and(|at| source_at < at.trunc_subsecs(0))
}

fn reopens(channel: &Channel, conversation: &Conversation, now: DateTime<Utc>) -> bool {
    match channel.reopen {
        ReopenPolicy::Always => true,
        ReopenPolicy::Never => false,
        ReopenPolicy::WithinWindow => {
            conversation.closed_at.is_some_and(|closed| now <= closed + channel.reopen_window)
        }
    }
}

/// What the customer's message does to the conversation that it was appended to.
pub fn written_by_customer(
    work: &mut Work,
    conversation: &mut Conversation,
    number: i64,
    source_at: DateTime<Utc>,
) {
    conversation.last_customer_position = conversation.last_position;
    conversation.last_customer_at =
        Some(conversation.last_customer_at.map_or(source_at, |before| before.max(source_at)).min(work.now));
    conversation.activity_number = number;
    let customer = Actor::customer(conversation.contact_id);
    work.wake(conversation, customer, "the customer wrote");
    if conversation.status != Status::Closed {
        conversation.waiting_since.get_or_insert(work.now);
    }
}

/// What a phrase of the tenant's in the customer's words does: it asks for a person's eye, unless an agent looks already.
pub fn asks_for_person(work: &mut Work, conversation: &mut Conversation, phrase: Option<&str>) {
    let Some(phrase) = phrase else { return };
    let reason = Attention::AskedForPerson;
    let looked_at = conversation.holder.is_person() || conversation.status == Status::Closed;
    if looked_at || conversation.needs_attention == Some(reason) {
        return;
    }
    conversation.needs_attention = Some(reason);
    let event = Event::AttentionRaised { reason, phrase: phrase.to_owned() };
    work.record(conversation, Actor::customer(conversation.contact_id), event);
}

/// What a reply typed on the business's own device does, which was appended last. One that comes late answers nothing that the customer wrote after
/// it, and opens nothing that was closed since.
pub fn written_by_business(work: &mut Work, conversation: &mut Conversation, source_at: DateTime<Utc>) {
    if conversation.status == Status::Closed {
        return;
    }
    let source_at = source_at.min(work.now);
    let second = |at: DateTime<Utc>| at.trunc_subsecs(0);
    if conversation.last_customer_at.is_none_or(|at| second(at) <= second(source_at)) {
        let before = work.before_reply(conversation);
        conversation.answered_position = conversation.last_customer_position;
        conversation.waiting_since = None;
        work.responded(work.messages.len().saturating_sub(1), before);
    }
    conversation.needs_attention = None;
    conversation.answered_by = Some(ActorKind::Business);
    conversation.last_reply_source_at = conversation.last_reply_source_at.max(Some(source_at));
    work.set_status(conversation, Status::Open, Actor::BUSINESS, "");
}
