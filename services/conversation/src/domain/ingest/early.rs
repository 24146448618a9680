//! Webhooks are unordered: an edit, a deletion, a reaction or a receipt may come before what it is about. It is kept,
//! and applied when the target comes. Whoever looks for a target in vain holds its dedup key until the commit, so that a
//! target that comes at the same moment finds what is kept.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::batch::hash;
use super::targets::{change, target_of};
use super::threads::Threads;
use super::{Event, Item, Reply};
use crate::domain::kinds::DeliveryState;
use crate::domain::model::Actor;
use crate::domain::work::Work;
use crate::store;
use crate::store::dedup::Key;
use crate::store::early::Early;

#[derive(Serialize, Deserialize)]
struct Kept {
    event: Event,
    author: Actor,
    /// When it happened by the channel's clock, and its place among those of its batch: the order of what happened.
    source_at: DateTime<Utc>,
    place: usize,
}

/// The key under which receipts wait for a reply's provider id; apart from those of messages.
pub fn receipt_key(tenant_key: &[u8; 32], channel_id: Uuid, provider_id: &str) -> Key {
    hash(tenant_key, channel_id, &format!("\u{0}receipt\u{0}{provider_id}"))
}

/// Keeps events whose target has not come. A receipt by our own id is about a reply that does not exist: dropped.
pub async fn keep(
    connection: &mut Connection,
    work: &Work<'_>,
    waiting: &[(&Item, Actor)],
    tenant_key: &[u8; 32],
) -> Result<()> {
    let mut events = Vec::new();
    for (place, (item, author)) in waiting.iter().enumerate() {
        let target = match &item.event {
            Event::Receipt { reply: Reply::Provider(id), .. } => receipt_key(tenant_key, item.channel_id, id),
            Event::Receipt { .. } => continue,
            event => match target_of(event) {
                Some(target) => hash(tenant_key, item.channel_id, target),
                None => continue,
            },
        };
        let kept = Kept { event: item.event.clone(), author: *author, source_at: item.source_at, place };
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
    for (target, kept) in taken(connection, work.tenant_id, &targets).await? {
        let external = keys.iter().find(|(key, _)| *key == target).map(|(_, id)| *id);
        let now = work.now;
        let message = work
            .messages
            .iter_mut()
            .find(|message| Some(message.external_id.as_str()) == external && message.channel_id == target.0);
        if let Some(message) = message
            && change(message, &kept.event, kept.author, now)
        {
            threads.show(message);
        }
    }
    Ok(())
}

/// Takes what waited for targets, in the order in which it happened.
async fn taken(connection: &mut Connection, tenant_id: Uuid, targets: &[Key]) -> Result<Vec<(Key, Kept)>> {
    let mut taken = Vec::new();
    for early in store::early::take(connection, tenant_id, targets).await? {
        let kept: Kept = serde_json::from_value(early.event).map_err(Fault::internal)?;
        // Channels stamp in whole seconds: within one, by the millisecond in which it was kept.
        let order = (kept.source_at, early.id.as_u128() >> 80, kept.place);
        taken.push((order, early.target, kept));
    }
    taken.sort_by_key(|(order, ..)| *order);
    Ok(taken.into_iter().map(|(_, target, kept)| (target, kept)).collect())
}

/// Takes the receipts that waited for a reply's provider id.
pub async fn receipts(
    connection: &mut Connection,
    tenant_id: Uuid,
    key: Key,
) -> Result<Vec<(DeliveryState, String)>> {
    // One that is being stored at this moment is waited for: it did not find the reply by this id.
    let held = store::dedup::claim(connection, tenant_id, &[key]).await?;
    let mut receipts = Vec::new();
    for (_, kept) in taken(connection, tenant_id, &[key]).await? {
        if let Event::Receipt { state, failure, .. } = kept.event {
            receipts.push((state, failure));
        }
    }
    store::dedup::give_back(connection, tenant_id, &held).await?;
    Ok(receipts)
}
