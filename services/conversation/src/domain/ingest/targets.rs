//! Edits, deletions, reactions and receipts: what they do to the message that they are about, which may come later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::batch::hash;
use super::early::receipt_key;
use super::threads::Threads;
use super::{Event, Item, Reply};
use crate::domain::kinds::ActorKind;
use crate::domain::model::{Actor, Message, Reaction};
use crate::domain::outbound::forward;
use crate::domain::work::Work;
use crate::store;
use crate::store::dedup::{Key, Known};
use crate::store::outbound::Outbound;

/// The messages and replies that a batch's events are about.
#[derive(Debug, Default)]
pub struct Targets {
    /// Dedup keys of what edits, deletions and reactions are about.
    keys: BTreeSet<Key>,
    /// Providers' ids of replies, and the keys under which receipts wait for them.
    providers: BTreeMap<(Uuid, String), Key>,
    /// Keys of what was looked for in vain.
    held: Vec<Key>,
    by_key: HashMap<Key, Known>,
    messages: BTreeMap<Uuid, Message>,
    replies: BTreeMap<Uuid, Outbound>,
    by_provider: HashMap<(Uuid, String), Uuid>,
    changed: BTreeSet<Uuid>,
    moved: BTreeSet<Uuid>,
}

/// The external id that an event is about.
pub fn target_of(event: &Event) -> Option<&str> {
    match event {
        Event::Edit { target, .. } | Event::Deletion { target } | Event::Reaction { target, .. } => {
            Some(target)
        }
        Event::Message(_) | Event::Echo(_) | Event::Receipt { .. } => None,
    }
}

impl Targets {
    /// Looks up what the events are about, and the replies of receipts.
    pub async fn find(
        connection: &mut Connection,
        tenant_id: Uuid,
        items: &[&Item],
        tenant_key: &[u8; 32],
    ) -> Result<Self> {
        let mut targets = Self::default();
        let mut ours = Vec::new();
        for item in items {
            match &item.event {
                Event::Receipt { reply: Reply::Ours(id), .. } => ours.push(*id),
                Event::Receipt { reply: Reply::Provider(id), .. } => {
                    let key = receipt_key(tenant_key, item.channel_id, id);
                    targets.providers.insert((item.channel_id, id.clone()), key);
                }
                event => targets
                    .keys
                    .extend(target_of(event).map(|target| hash(tenant_key, item.channel_id, target))),
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
        let keys: Vec<Key> = self.keys.iter().copied().collect();
        self.by_key = store::dedup::find(connection, tenant_id, &keys).await?.into_iter().collect();
        let providers: Vec<(Uuid, String)> = self.providers.keys().cloned().collect();
        self.by_provider =
            store::outbound::of_provider_ids(connection, tenant_id, &providers).await?.into_iter().collect();
        Ok(())
    }

    fn missing(&self) -> Vec<Key> {
        let keys = self.keys.iter().filter(|key| !self.by_key.contains_key(*key));
        let providers = self.providers.iter().filter(|(id, _)| !self.by_provider.contains_key(*id));
        keys.chain(providers.map(|(_, key)| key)).copied().collect()
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

    /// Carries an event out on a stored message. `None` when its target has not come.
    pub fn apply(
        &mut self,
        work: &Work,
        threads: &mut Threads,
        item: &Item,
        author: Actor,
        tenant_key: &[u8; 32],
    ) -> Option<Known> {
        if let Event::Receipt { reply, state, failure } = &item.event {
            let id = match reply {
                Reply::Ours(id) => *id,
                Reply::Provider(id) => *self.by_provider.get(&(item.channel_id, id.clone()))?,
            };
            // A receipt by our id on another channel's reply is about nothing.
            let reply = self.replies.get_mut(&id).filter(|reply| reply.channel_id == item.channel_id)?;
            if forward(reply, *state, failure) {
                self.moved.insert(id);
            }
            return Some(known(self.messages.get(&id)?));
        }
        let key = hash(tenant_key, item.channel_id, target_of(&item.event)?);
        let target = self.by_key.get(&key)?.message_id?;
        let message = self.messages.get_mut(&target)?;
        if change(message, &item.event, author, work.now) {
            self.changed.insert(target);
            threads.show(message);
        }
        Some(known(message))
    }

    /// Writes what was changed.
    pub async fn write(&self, connection: &mut Connection, work: &mut Work<'_>) -> Result<()> {
        let changed: Vec<&Message> = self.changed.iter().filter_map(|id| self.messages.get(id)).collect();
        store::message::save(connection, work.tenant_id, &changed).await?;
        let moved: Vec<&Outbound> = self.moved.iter().filter_map(|id| self.replies.get(id)).collect();
        store::outbound::save(connection, &moved).await?;
        let tenant_id = work.tenant_id;
        let row = |entity_id, version| Row { tenant_id, kind: ChangeKind::Message, entity_id, version };
        work.changed.extend(changed.iter().map(|message| row(message.id, message.version + 1)));
        work.changed.extend(moved.iter().map(|reply| row(reply.message_id, reply.version)));
        Ok(())
    }
}

fn known(message: &Message) -> Known {
    Known {
        message_id: Some(message.id),
        conversation_id: Some(message.conversation_id),
        position: message.position,
    }
}

/// What an event does to its message. A deletion is for good: nothing brings the text back.
pub fn change(
    message: &mut Message,
    event: &Event,
    author: Actor,
    now: chrono::DateTime<chrono::Utc>,
) -> bool {
    match event {
        Event::Edit { content, .. }
            if message.deleted_at.is_none() && message.author.kind == ActorKind::Customer =>
        {
            message.content = Some(content.clone());
            message.edited_at = Some(now);
            true
        }
        Event::Deletion { .. }
            if message.deleted_at.is_none() && message.author.kind == ActorKind::Customer =>
        {
            message.content = None;
            message.reactions.clear();
            message.deleted_at = Some(now);
            true
        }
        Event::Reaction { emoji, .. } if message.deleted_at.is_none() => {
            message.reactions.retain(|reaction| reaction.author != author);
            if !emoji.is_empty() {
                message.reactions.push(Reaction { author, emoji: emoji.clone() });
            }
            true
        }
        _ => false,
    }
}
