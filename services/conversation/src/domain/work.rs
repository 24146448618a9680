//! What one transaction does to conversations: collected in memory under their locks, written set-wise at the end.

mod figures;
mod life;
mod response;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tandem_ambient::Ambient;
use tandem_change_feed::{ChangeKind, Row, Written, outbox};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::content::{Content, Referral};
use super::kinds::{ActorKind, Cause, DeliveryState, HandOffReason, HolderKind, Priority, Status};
use super::model::{Actor, Conversation, Entry, Event, Holder, Message};
use crate::store;
use crate::store::outbound::Outbound;

/// The rows that a transaction will write.
pub struct Work<'a> {
    pub ambient: &'a Ambient,
    pub tenant_id: Uuid,
    pub now: DateTime<Utc>,
    pub messages: Vec<Message>,
    pub entries: Vec<Entry>,
    queued: Vec<Outbound>,
    /// Conversations whose AI replies are taken back, before anything new is queued.
    withdrawn: Vec<Uuid>,
    /// Conversations whose labels changed.
    labelled: BTreeSet<Uuid>,
    /// By how much each label's count of conversations changed.
    label_counts: BTreeMap<Uuid, i64>,
    /// What changes the figures of labels.
    labelling: figures::Labelling,
    /// Further changes for the feed: messages and contacts that others wrote.
    pub changed: Vec<Row>,
}

/// One change of holder.
pub struct HolderChange {
    pub to: Holder,
    pub cause: Cause,
    pub actor: Actor,
    pub note: String,
    pub hand_off_reason: Option<HandOffReason>,
    pub hand_off_summary: String,
    pub hand_off_skill: String,
    pub hand_off_language: String,
    pub request_id: Option<Uuid>,
}

impl HolderChange {
    pub fn new(to: Holder, cause: Cause, actor: Actor) -> Self {
        Self {
            to,
            cause,
            actor,
            note: String::new(),
            hand_off_reason: None,
            hand_off_summary: String::new(),
            hand_off_skill: String::new(),
            hand_off_language: String::new(),
            request_id: None,
        }
    }
}

/// A message before it has a position.
pub struct Draft {
    pub author: Actor,
    pub private: bool,
    pub content: Content,
    pub source_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// Of a customer's message: the number that its activity took.
    pub activity_number: i64,
    pub answers_position: i64,
    pub reply_to_position: i64,
    pub reply_to_external_id: String,
    pub forwarded: bool,
    pub external_id: String,
    pub referral: Option<Referral>,
    pub mention_agent_ids: Vec<Uuid>,
    /// A remark that leaves what lists show, and their order, as they are.
    pub quiet: bool,
}

impl Draft {
    /// Something that the business says now.
    pub fn now(author: Actor, content: Content, now: DateTime<Utc>) -> Self {
        Self {
            author,
            private: false,
            content,
            source_at: now,
            received_at: now,
            activity_number: 0,
            answers_position: 0,
            reply_to_position: 0,
            reply_to_external_id: String::new(),
            forwarded: false,
            external_id: String::new(),
            referral: None,
            mention_agent_ids: Vec::new(),
            quiet: false,
        }
    }
}

impl<'a> Work<'a> {
    pub fn new(ambient: &'a Ambient, tenant_id: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            ambient,
            tenant_id,
            now,
            messages: Vec::new(),
            entries: Vec::new(),
            queued: Vec::new(),
            withdrawn: Vec::new(),
            labelled: BTreeSet::new(),
            label_counts: BTreeMap::new(),
            labelling: figures::Labelling::default(),
            changed: Vec::new(),
        }
    }

    fn entry(&mut self, conversation: &Conversation, actor: Actor, event: Event) -> Uuid {
        let id = self.ambient.id_at(self.now);
        self.entries.push(Entry {
            id,
            conversation_id: conversation.id,
            at_position: conversation.last_position,
            at: self.now,
            actor,
            event,
            channel_id: conversation.channel_id,
            contact_id: conversation.contact_id,
        });
        id
    }

    /// Changes the holder and begins a new epoch. A change that the AI did not make withdraws its queued replies: also
    /// when it had handed off itself, and a person comes in before they left.
    pub fn change_holder(&mut self, conversation: &mut Conversation, change: HolderChange) -> Uuid {
        let from = conversation.holder;
        let to_people = matches!(change.to.kind, HolderKind::Agent | HolderKind::Team);
        if change.actor.kind != ActorKind::Ai && (from.kind == HolderKind::Ai || to_people) {
            self.withdrawn.push(conversation.id);
        }
        conversation.holder = change.to;
        conversation.epoch += 1;
        conversation.holder_since = self.now;
        let event = Event::HolderChanged {
            cause: change.cause,
            from: Some(from),
            to: change.to,
            epoch: conversation.epoch,
            note: change.note,
            hand_off_reason: change.hand_off_reason,
            hand_off_summary: change.hand_off_summary,
            hand_off_skill: change.hand_off_skill,
            hand_off_language: change.hand_off_language,
            request_id: change.request_id,
        };
        self.entry(conversation, change.actor, event)
    }

    /// Records the first holder of a new conversation.
    pub fn started(&mut self, conversation: &Conversation, actor: Actor) {
        let event = Event::HolderChanged {
            cause: Cause::Started,
            from: None,
            to: conversation.holder,
            epoch: conversation.epoch,
            note: String::new(),
            hand_off_reason: None,
            hand_off_summary: String::new(),
            hand_off_skill: String::new(),
            hand_off_language: String::new(),
            request_id: None,
        };
        self.entry(conversation, actor, event);
    }

    /// Changes the status, if it differs.
    pub fn set_status(&mut self, conversation: &mut Conversation, to: Status, actor: Actor, reason: &str) {
        let from = conversation.status;
        if from == to {
            return;
        }
        conversation.status = to;
        conversation.last_activity_at = self.now;
        conversation.closed_at = (to == Status::Closed).then_some(self.now);
        conversation.snoozed_until = None;
        if from == Status::Closed {
            // What was said before it closed is no update of now.
            conversation.update_since = Some(self.now);
        }
        if to == Status::Closed {
            conversation.waiting_since = None;
            conversation.needs_attention = None;
        }
        let (reason, note, epoch) = (reason.to_owned(), String::new(), conversation.epoch);
        let event = Event::StatusChanged { from, to, reason, snoozed_until: None, note, epoch };
        self.entry(conversation, actor, event);
    }

    pub fn record(&mut self, conversation: &Conversation, actor: Actor, event: Event) {
        self.entry(conversation, actor, event);
    }

    /// Gives a message the next position. Answers its index in `messages`.
    pub fn append(&mut self, conversation: &mut Conversation, draft: Draft) -> usize {
        conversation.last_position += 1;
        if !draft.private && !draft.quiet {
            conversation.preview = draft.content.preview();
            conversation.preview_author = Some(draft.author.kind);
            conversation.last_activity_at = self.now;
        }
        self.messages.push(Message {
            id: self.ambient.id_at(self.now),
            conversation_id: conversation.id,
            position: conversation.last_position,
            author: draft.author,
            private: draft.private,
            content: Some(draft.content),
            reactions: Vec::new(),
            source_at: draft.source_at,
            received_at: draft.received_at,
            stored_at: self.now,
            edited_at: None,
            edited_by: String::new(),
            deleted_at: None,
            media: None,
            epoch: conversation.epoch,
            activity_number: draft.activity_number,
            answers_position: draft.answers_position,
            reply_to_position: draft.reply_to_position,
            reply_to_external_id: draft.reply_to_external_id,
            forwarded: draft.forwarded,
            external_id: draft.external_id,
            referral: draft.referral,
            mention_agent_ids: draft.mention_agent_ids,
            waited_since: None,
            first_response: false,
            version: 1,
            delivery: None,
            delivery_failure: String::new(),
            author_name: String::new(),
            channel_id: conversation.channel_id,
            contact_id: conversation.contact_id,
        });
        self.messages.len() - 1
    }

    /// Appends what the business says and queues it for the channel's adapter.
    pub fn reply(&mut self, conversation: &mut Conversation, draft: Draft, withdrawable: bool) {
        let author = draft.author.kind;
        let index = self.append(conversation, draft);
        let message = &mut self.messages[index];
        message.delivery = Some(DeliveryState::Queued);
        self.queued.push(Outbound {
            tenant_id: self.tenant_id,
            message_id: message.id,
            channel_id: conversation.channel_id,
            conversation_id: conversation.id,
            position: message.position,
            state: DeliveryState::Queued,
            withdrawable,
            blocks: true,
            due_at: self.now,
            attempts: 0,
            lease: None,
            lease_until: None,
            provider_id: None,
            failure: String::new(),
            begun_at: None,
            implied: None,
            version: 1,
        });
        conversation.answered_by = Some(author);
        conversation.last_reply_source_at = Some(self.now);
    }

    /// Writes everything and puts it on the feed. `changed` are conversations that were locked, `new` ones are inserted.
    pub async fn write(
        mut self,
        connection: &mut Connection,
        new: &[Conversation],
        changed: &mut [Conversation],
    ) -> Result<Option<Written>> {
        let mut new = new.to_vec();
        self.persist(connection, &mut new, changed).await?;
        self.publish(connection, &new, changed).await
    }

    /// Writes the rows, conversations before messages, which refer to them.
    pub async fn persist(
        &mut self,
        connection: &mut Connection,
        new: &mut [Conversation],
        changed: &mut [Conversation],
    ) -> Result<()> {
        for conversation in changed.iter_mut() {
            conversation.version += 1;
        }
        let tenant_id = self.tenant_id;
        self.tell_due(connection, new, changed).await?;
        // Saved first: a conversation that closes makes room for its successor.
        store::conversation::save(connection, tenant_id, &changed.iter().collect::<Vec<_>>()).await?;
        store::conversation::insert(connection, tenant_id, &new.iter().collect::<Vec<_>>()).await?;
        store::message::insert(connection, tenant_id, &self.messages).await?;
        for (id, version) in store::outbound::withdraw(connection, tenant_id, &self.withdrawn).await? {
            self.changed.push(Row { tenant_id, kind: ChangeKind::Message, entity_id: id, version });
        }
        store::outbound::insert(connection, &self.queued).await?;
        store::timeline::append(connection, tenant_id, &self.entries).await?;
        let labelled: Vec<&Conversation> =
            changed.iter().filter(|conversation| self.labelled.contains(&conversation.id)).collect();
        store::conversation::save_labels(connection, tenant_id, &labelled).await?;
        self.keep_figures(connection, new).await?;
        // Last: rows that many transactions want are held for the shortest time.
        store::label::count(connection, tenant_id, &self.label_counts).await
    }

    /// Puts what was written on the feed.
    pub async fn publish(
        self,
        connection: &mut Connection,
        new: &[Conversation],
        changed: &[Conversation],
    ) -> Result<Option<Written>> {
        let tenant_id = self.tenant_id;
        let row = |kind, entity_id, version| Row { tenant_id, kind, entity_id, version };
        let mut rows = self.changed;
        rows.extend(new.iter().chain(changed).map(|c| row(ChangeKind::Conversation, c.id, c.version)));
        rows.extend(self.messages.iter().map(|message| row(ChangeKind::Message, message.id, 1)));
        rows.extend(self.entries.iter().map(|entry| row(ChangeKind::TimelineEntry, entry.id, 1)));
        outbox::write(connection, self.ambient, &rows).await
    }
}

/// A conversation that begins now.
pub fn fresh(
    id: Uuid,
    channel_id: Uuid,
    contact_id: Uuid,
    holder: Holder,
    predecessor_id: Option<Uuid>,
    now: DateTime<Utc>,
) -> Conversation {
    Conversation {
        id,
        channel_id,
        contact_id,
        status: Status::New,
        holder,
        epoch: 1,
        holder_since: now,
        last_position: 0,
        last_customer_position: 0,
        answered_position: 0,
        activity_number: 0,
        last_customer_at: None,
        last_reply_source_at: None,
        priority: Priority::Normal,
        label_ids: Vec::new(),
        needs_attention: None,
        hand_off_reason: None,
        hand_off_summary: String::new(),
        answered_by: None,
        waiting_since: None,
        last_activity_at: now,
        created_at: now,
        closed_at: None,
        snoozed_until: None,
        due_at: None,
        answer_due_at: None,
        update_since: None,
        predecessor_id,
        successor_id: None,
        reopen_count: 0,
        preview: String::new(),
        preview_author: None,
        erased_at: None,
        version: 1,
    }
}
