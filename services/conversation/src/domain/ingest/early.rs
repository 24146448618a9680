//! Webhooks are unordered: an edit, a deletion, a reaction, a receipt or a quote may come before what it is about. It is
//! kept, and applied when the target comes: a message with this external id, or the acknowledgement that gives a reply
//! this id. Whoever looks for a target in vain holds its dedup key until the commit, so that a target that comes at the
//! same moment finds what is kept.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::batch::hash;
use super::targets::{change, named, settle};
use super::threads::Threads;
use super::{Event, Item, Stamp};
use crate::domain::model::Actor;
use crate::domain::work::Work;
use crate::store;
use crate::store::dedup::Key;
use crate::store::early::Early;
use crate::store::message::Quote;
use crate::store::outbound::Outbound;
use crate::store::receipt::Mark;

/// An event whose target has not come.
#[derive(Debug)]
pub struct Waiting {
    pub channel_id: Uuid,
    pub event: Event,
    pub author: Actor,
    pub stamp: Stamp,
}

impl Waiting {
    pub fn new(item: &Item, event: Event, author: Actor) -> Self {
        Self { channel_id: item.channel_id, event, author, stamp: item.stamp() }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    event: Event,
    author: Actor,
    source_at: DateTime<Utc>,
    #[serde(default)]
    external_id: String,
}

impl Kept {
    fn stamp(&self) -> Stamp {
        Stamp { at: self.source_at, by: self.external_id.clone() }
    }
}

/// Keeps events whose target has not come. A receipt by our own id is about a reply that does not exist: dropped.
pub async fn keep(
    connection: &mut Connection,
    work: &Work<'_>,
    waiting: Vec<Waiting>,
    tenant_key: &[u8; 32],
) -> Result<()> {
    let mut events = Vec::new();
    for Waiting { channel_id, event, author, stamp } in waiting {
        let Some(name) = named(&event) else { continue };
        let target = hash(tenant_key, channel_id, name);
        let kept = Kept { event, author, source_at: stamp.at, external_id: stamp.by };
        let event = serde_json::to_value(kept).map_err(Fault::internal)?;
        events.push(Early { id: work.ambient.id_at(work.now), target, event });
    }
    store::early::insert(connection, work.tenant_id, events, work.now).await
}

/// Applies what waited for the messages of this batch, before they are written.
pub async fn catch_up(
    connection: &mut Connection,
    work: &mut Work<'_>,
    threads: &mut Threads,
    items: &[&Item],
    tenant_key: &[u8; 32],
) -> Result<()> {
    let messages = items.iter().filter(|item| matches!(item.event, Event::Message(_) | Event::Echo(_)));
    let keys: Vec<(Key, &str)> = messages
        .map(|item| (hash(tenant_key, item.channel_id, &item.external_id), item.external_id.as_str()))
        .collect();
    let targets: Vec<Key> = keys.iter().map(|(key, _)| *key).collect();
    let mut quotes = Vec::new();
    for (target, kept) in taken(connection, work.tenant_id, &targets).await? {
        let external = keys.iter().find(|(key, _)| *key == target).map(|(_, id)| *id);
        let now = work.now;
        let message = work
            .messages
            .iter_mut()
            .find(|message| Some(message.external_id.as_str()) == external && message.channel_id == target.0);
        let Some(message) = message else { continue };
        if let Event::Quote { message_id, conversation_id, .. } = kept.event {
            if message.conversation_id == conversation_id {
                quotes.push(Quote { message_id, conversation_id, position: message.position });
            }
        } else if change(message, &kept.event, kept.author, kept.stamp(), now) {
            threads.show(message);
        }
    }
    for quote in &quotes {
        if let Some(message) = work.messages.iter_mut().find(|message| message.id == quote.message_id) {
            message.reply_to_position = quote.position;
            message.reply_to_external_id.clear();
        }
    }
    // Those that an earlier batch stored.
    let resolved = store::message::resolve_quotes(connection, work.tenant_id, &quotes).await?;
    work.changed.extend(resolved.into_iter().map(|(id, version)| row(work.tenant_id, id, version)));
    Ok(())
}

fn row(tenant_id: Uuid, entity_id: Uuid, version: i64) -> Row {
    Row { tenant_id, kind: ChangeKind::Message, entity_id, version }
}

/// Takes what waited for targets.
async fn taken(connection: &mut Connection, tenant_id: Uuid, targets: &[Key]) -> Result<Vec<(Key, Kept)>> {
    let mut taken = Vec::new();
    for early in store::early::take(connection, tenant_id, targets).await? {
        let kept: Kept = serde_json::from_value(early.event).map_err(Fault::internal)?;
        taken.push((early.target, kept));
    }
    Ok(taken)
}

/// Holds the key of a reply's new provider id, before the conversation is locked as every writer does: events that are
/// being stored at this moment did not find the reply by it, and are waited for. To be given back with [`let_go`].
pub async fn hold(connection: &mut Connection, tenant_id: Uuid, key: Key) -> Result<Vec<Key>> {
    store::dedup::claim(connection, tenant_id, &[key]).await
}

pub async fn let_go(connection: &mut Connection, tenant_id: Uuid, held: &[Key]) -> Result<()> {
    store::dedup::give_back(connection, tenant_id, held).await
}

/// Applies what waited for a reply's provider id, under the lock of its conversation. Answers whether the reply itself
/// moved, and what else changed.
pub async fn settle_reply(
    connection: &mut Connection,
    reply: &mut Outbound,
    key: Key,
    now: DateTime<Utc>,
) -> Result<(bool, Vec<Row>)> {
    let tenant_id = reply.tenant_id;
    let kept = taken(connection, tenant_id, &[key]).await?;
    if kept.is_empty() {
        return Ok((false, Vec::new()));
    }
    let (mut moved, mut changed, mut marks, mut quotes) = (false, false, BTreeSet::new(), Vec::new());
    let mut message = store::message::find(connection, tenant_id, &[reply.message_id]).await?.pop();
    for (_, kept) in kept {
        match (&kept.event, &mut message) {
            (Event::Receipt { .. }, _) => moved |= settle(reply, &kept.event, &mut marks),
            (Event::Quote { message_id, conversation_id, .. }, _) => quotes.push(Quote {
                message_id: *message_id,
                conversation_id: *conversation_id,
                position: reply.position,
            }),
            (event, Some(message)) => changed |= change(message, event, kept.author, kept.stamp(), now),
            (_, None) => {}
        }
    }
    quotes.retain(|quote| quote.conversation_id == reply.conversation_id);
    let mut rows = store::message::resolve_quotes(connection, tenant_id, &quotes).await?;
    let marks: Vec<Mark> = marks.into_iter().collect();
    rows.extend(store::receipt::imply(connection, tenant_id, &marks).await?);
    if let Some(message) = message.filter(|_| changed) {
        store::message::save(connection, tenant_id, &[&message]).await?;
        rows.push((message.id, message.version + 1));
    }
    Ok((moved, rows.into_iter().map(|(id, version)| row(tenant_id, id, version)).collect()))
}
