//! Edits, deletions, reactions, receipts and quotes: the message or reply that they are about, which may come later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{SubsecRound, TimeDelta};
use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::batch::hash;
use super::threads::Threads;
use super::{Event, Item, Reply, Stamp};
use crate::domain::content::Content;
use crate::domain::kinds::ActorKind;
use crate::domain::model::{Actor, MediaTold, Message, Reaction};
use crate::domain::outbound::forward;
use crate::domain::work::Work;
use crate::store;
use crate::store::dedup::{Key, Known};
use crate::store::outbound::Outbound;
use crate::store::receipt::{Mark, UpTo};

/// A channel's name of a message: its external id, or the provider's id of a reply.
type Name = (Uuid, String);

/// The messages and replies that a batch's events are about.
#[derive(Debug, Default)]
pub struct Targets {
    /// What events name, and the key under which they wait for it.
    names: BTreeMap<Name, Key>,
    /// Keys of what was looked for in vain.
    held: Vec<Key>,
    by_key: HashMap<Key, Known>,
    by_provider: HashMap<Name, Uuid>,
    messages: BTreeMap<Uuid, Message>,
    replies: BTreeMap<Uuid, Outbound>,
    changed: BTreeSet<Uuid>,
    moved: BTreeSet<Uuid>,
    marks: BTreeSet<Mark>,
}

/// The name that an event is about, or that its message quotes.
pub fn named(event: &Event) -> Option<&str> {
    match event {
        Event::Edit { target, .. }
        | Event::Deletion { target }
        | Event::Reaction { target, .. }
        | Event::Media { target, .. }
        | Event::Quote { target, .. }
        | Event::Receipt { reply: Reply::Provider(target), .. } => Some(target),
        Event::Message(incoming) | Event::Echo(incoming) if !incoming.reply_to_external_id.is_empty() => {
            Some(&incoming.reply_to_external_id)
        }
        _ => None,
    }
}

impl Targets {
    /// Looks up what the events are about.
    pub async fn find(
        connection: &mut Connection,
        tenant_id: Uuid,
        items: &[&Item],
        tenant_key: &[u8; 32],
    ) -> Result<Self> {
        let mut targets = Self::default();
        let mut ours = Vec::new();
        for item in items {
            if let Event::Receipt { reply: Reply::Ours(id), .. } = &item.event {
                ours.push(*id);
            }
            if let Some(name) = named(&item.event) {
                let key = hash(tenant_key, item.channel_id, name);
                targets.names.insert((item.channel_id, name.to_owned()), key);
            }
        }
        targets.look_up(connection, tenant_id).await?;
        let missing = targets.missing();
        if !missing.is_empty() {
            // One that is being stored at this moment is waited for, and one that comes later waits for us: it will find
            // what is kept for it.
            targets.held = store::dedup::claim(connection, tenant_id, &missing).await?;
            targets.look_up(connection, tenant_id).await?;
        }
        let found = targets.by_key.values().filter_map(|known| known.message_id);
        let messages: Vec<Uuid> = found.chain(targets.by_provider.values().copied()).chain(ours).collect();
        if !messages.is_empty() {
            let messages = store::message::find(connection, tenant_id, &messages).await?;
            targets.messages = messages.into_iter().map(|message| (message.id, message)).collect();
        }
        Ok(targets)
    }

    async fn look_up(&mut self, connection: &mut Connection, tenant_id: Uuid) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let keys: Vec<Key> = self.names.values().copied().collect();
        self.by_key = store::dedup::find(connection, tenant_id, &keys).await?.into_iter().collect();
        let names: Vec<Name> = self.names.keys().cloned().collect();
        self.by_provider =
            store::outbound::of_provider_ids(connection, tenant_id, &names).await?.into_iter().collect();
        Ok(())
    }

    fn missing(&self) -> Vec<Key> {
        let known = |name, key| self.by_key.contains_key(key) || self.by_provider.contains_key(name);
        self.names.iter().filter(|(name, key)| !known(*name, *key)).map(|(_, key)| *key).collect()
    }

    /// Lets those go on who wait for a key that was held.
    pub async fn let_go(&self, connection: &mut Connection, tenant_id: Uuid) -> Result<()> {
        store::dedup::give_back(connection, tenant_id, &self.held).await
    }

    /// Their conversations, to be locked before anything is changed.
    pub fn conversation_ids(&self) -> Vec<Uuid> {
        self.messages.values().map(|message| message.conversation_id).collect()
    }

    /// Reads the targets again under their conversations' locks, and locks the replies.
    pub async fn lock(
        &mut self,
        connection: &mut Connection,
        tenant_id: Uuid,
        has_receipts: bool,
    ) -> Result<()> {
        let ids: Vec<Uuid> = self.messages.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let messages = store::message::find(connection, tenant_id, &ids).await?;
        self.messages = messages.into_iter().map(|message| (message.id, message)).collect();
        if has_receipts {
            let replies = store::outbound::lock(connection, tenant_id, &ids).await?;
            self.replies = replies.into_iter().map(|reply| (reply.message_id, reply)).collect();
        }
        Ok(())
    }

    fn target(&self, channel_id: Uuid, name: &str) -> Option<Uuid> {
        let name = (channel_id, name.to_owned());
        let stored = self.by_key.get(self.names.get(&name)?).and_then(|known| known.message_id);
        stored.or_else(|| self.by_provider.get(&name).copied())
    }

    /// The stored message that a name means.
    pub fn message(&self, channel_id: Uuid, name: &str) -> Option<&Message> {
        self.messages.get(&self.target(channel_id, name)?)
    }

    /// Carries an event out on a stored message. `None` when its target has not come. `contact` is whom the item names.
    pub fn apply(
        &mut self,
        work: &Work,
        threads: &mut Threads,
        item: &Item,
        author: Actor,
        contact: Option<Uuid>,
    ) -> Option<Known> {
        match &item.event {
            Event::Receipt { reply, .. } => {
                let id = match reply {
                    Reply::Ours(id) => *id,
                    Reply::Provider(id) => *self.by_provider.get(&(item.channel_id, id.clone()))?,
                };
                // A receipt by our id on another channel's reply is about nothing.
                let reply = self.replies.get_mut(&id).filter(|reply| reply.channel_id == item.channel_id)?;
                if settle(reply, &item.event, &mut self.marks) {
                    self.moved.insert(id);
                }
                // Of a reply that is gone, which was erased: the provider's words name whom it went to.
                if self.messages.get(&id).is_some_and(|message| message.deleted_at.is_some()) {
                    reply.failure.clear();
                }
                self.messages.get(&id).map(known)
            }
            Event::ReceiptUpTo { time, state } => {
                let conversation_id = threads.current(contact?)?;
                let up_to = UpTo::Before(time.trunc_subsecs(0) + TimeDelta::seconds(1));
                self.marks.insert(Mark { conversation_id, state: *state, up_to });
                Some(Known { message_id: None, conversation_id: Some(conversation_id), position: 0 })
            }
            event => {
                let target = self.target(item.channel_id, named(event)?)?;
                let message = self.messages.get_mut(&target)?;
                if change(message, event, author, item.stamp(), work.now) {
                    self.changed.insert(target);
                    threads.show(message);
                }
                Some(known(message))
            }
        }
    }

    /// Writes what was changed.
    pub async fn write(&self, connection: &mut Connection, work: &mut Work<'_>) -> Result<()> {
        let changed: Vec<&Message> = self.changed.iter().filter_map(|id| self.messages.get(id)).collect();
        store::message::save(connection, work.tenant_id, &changed).await?;
        let moved: Vec<&Outbound> = self.moved.iter().filter_map(|id| self.replies.get(id)).collect();
        store::outbound::save(connection, &moved).await?;
        let marks: Vec<Mark> = self.marks.iter().copied().collect();
        let implied = store::receipt::imply(connection, work.tenant_id, &marks).await?;
        let tenant_id = work.tenant_id;
        let row = |entity_id, version| Row { tenant_id, kind: ChangeKind::Message, entity_id, version };
        work.changed.extend(changed.iter().map(|message| row(message.id, message.version + 1)));
        work.changed.extend(moved.iter().map(|reply| row(reply.message_id, reply.version)));
        work.changed.extend(implied.into_iter().map(|(id, version)| row(id, version)));
        Ok(())
    }
}

/// Carries an event out on a message that came before it in its batch.
pub fn apply_to_new(work: &mut Work, threads: &mut Threads, item: &Item, author: Actor) -> Option<Known> {
    if matches!(item.event, Event::Receipt { .. }) {
        return None;
    }
    let (name, now) = (named(&item.event)?, work.now);
    let mut messages = work.messages.iter_mut();
    let message = messages.find(|m| m.external_id == name && m.channel_id == item.channel_id)?;
    if change(message, &item.event, author, item.stamp(), now) {
        threads.show(message);
    }
    Some(known(message))
}

fn known(message: &Message) -> Known {
    Known {
        message_id: Some(message.id),
        conversation_id: Some(message.conversation_id),
        position: message.position,
    }
}

/// What a receipt does to the reply that it names; one up to it is noted in `marks` for those before. Answers whether the
/// reply moved.
pub fn settle(reply: &mut Outbound, receipt: &Event, marks: &mut BTreeSet<Mark>) -> bool {
    let Event::Receipt { state, failure, up_to, .. } = receipt else { return false };
    if *up_to {
        let conversation_id = reply.conversation_id;
        let up_to = UpTo::Position(reply.position - 1);
        marks.insert(Mark { conversation_id, state: *state, up_to });
    }
    forward(reply, *state, failure)
}

/// What an event does to its message, in whatever order events come: of two edits, of what was told of a file, and of one
/// person's reactions, the one that happened later stands. A deletion is for good: nothing brings the text back.
pub fn change(
    message: &mut Message,
    event: &Event,
    author: Actor,
    stamp: Stamp,
    now: chrono::DateTime<chrono::Utc>,
) -> bool {
    if message.deleted_at.is_some() {
        return false;
    }
    let is_customers = message.author.kind == ActorKind::Customer;
    match event {
        Event::Edit { content, .. } if is_customers => {
            if (message.edited_at, &message.edited_by) >= (Some(stamp.at), &stamp.by) {
                return false;
            }
            message.content = Some(content.clone());
            (message.edited_at, message.edited_by) = (Some(stamp.at), stamp.by);
            if let Some(told) = message.media.clone() {
                refer(message, &told);
            }
            true
        }
        Event::Media { reference, .. } if is_customers || message.author.kind == ActorKind::Business => {
            if message.media.as_ref().is_some_and(|told| (told.at, &told.by) >= (stamp.at, &stamp.by)) {
                return false;
            }
            let told = MediaTold { at: stamp.at, by: stamp.by, reference: reference.clone() };
            refer(message, &told) && {
                message.media = Some(Box::new(told));
                true
            }
        }
        Event::Deletion { .. } if is_customers => {
            message.content = None;
            message.media = None;
            message.reactions.clear();
            // Whether an edit came before it or comes after it shows no more.
            (message.edited_at, message.edited_by) = (None, String::new());
            message.deleted_at = Some(stamp.at.min(now));
            true
        }
        Event::Reaction { emoji, .. } => {
            let before = message.reactions.iter().position(|reaction| reaction.author == author);
            if let Some(at) = before {
                let reaction = &message.reactions[at];
                if (reaction.at, &reaction.by) >= (stamp.at, &stamp.by) {
                    return false;
                }
                message.reactions.remove(at);
            }
            message.reactions.push(Reaction { author, emoji: emoji.clone(), at: stamp.at, by: stamp.by });
            true
        }
        _ => false,
    }
}

/// Brings what an adapter told of a file into its message, unless an edit that happened later brought another file. Answers
/// whether it did.
fn refer(message: &mut Message, told: &MediaTold) -> bool {
    match &mut message.content {
        Some(Content::Media(media))
            if (message.edited_at, &message.edited_by) < (Some(told.at), &told.by) =>
        {
            media.refer(told.reference.clone());
            true
        }
        _ => false,
    }
}
