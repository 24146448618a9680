//! One transaction of one tenant, in the order that every writer keeps: dedup keys, contacts, conversations, and only then
//! positions, messages, timeline and outbox.

use std::collections::{BTreeMap, HashMap, HashSet};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tandem_ambient::Ambient;
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::contacts::{Book, Person};
use super::early::Waiting;
use super::targets::{Targets, apply_to_new};
use super::threads::{Threads, asks_for_person, written_by_business, written_by_customer};
use super::{Event, Incoming, Ingested, Item, Outcome, Stored, early, remark};
use crate::domain::Domain;
use crate::domain::erasure::tombstone::outlived;
use crate::domain::model::{Actor, Channel, Conversation};
use crate::domain::work::{Draft, Work};
use crate::store;
use crate::store::dedup::{Key, Known};

/// The dedup key of an external id: a hash under the tenant's own random key, so that kept keys tell nothing.
pub fn hash(tenant_key: &[u8; 32], channel_id: Uuid, external_id: &str) -> Key {
    let mut mac = Hmac::<Sha256>::new_from_slice(tenant_key).expect("any length of key will do");
    mac.update(external_id.as_bytes());
    let digest = mac.finalize().into_bytes();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    (channel_id, key)
}

/// Stores items; a result each, in their order.
pub async fn store(domain: &Domain, tenant_id: Uuid, items: &[Item]) -> Result<Ingested> {
    let tenant_key = domain.dedup_key(tenant_id).await?;
    let keys: Vec<Key> =
        items.iter().map(|item| hash(&tenant_key, item.channel_id, &item.external_id)).collect();
    let mut tx = begin(&domain.pool).await?;
    let now = domain.ambient.now();

    let channels = channels(&mut tx, tenant_id, items).await?;
    let mut outcomes: Vec<Option<Outcome>> =
        items.iter().map(|item| refused(&channels, item).map(Err)).collect();

    // 1. Each key once: the first item that brings it, the others are replays of it.
    let mut first: HashMap<Key, usize> = HashMap::new();
    for (index, key) in keys.iter().enumerate().filter(|(index, _)| outcomes[*index].is_none()) {
        first.entry(*key).or_insert(index);
    }
    let wanted: Vec<Key> = first.keys().copied().collect();
    let claimed: HashSet<Key> = store::dedup::claim(&mut tx, tenant_id, &wanted).await?.into_iter().collect();
    let known: Vec<Key> = wanted.into_iter().filter(|key| !claimed.contains(key)).collect();
    let mut answers: HashMap<Key, (Known, bool)> = HashMap::new();
    for (key, known) in store::dedup::find(&mut tx, tenant_id, &known).await? {
        answers.insert(key, (known, true));
    }
    let new: Vec<usize> = (0..items.len())
        .filter(|index| claimed.contains(&keys[*index]) && first.get(&keys[*index]) == Some(index))
        .collect();

    let fresh: Vec<&Item> = new.iter().map(|index| &items[*index]).collect();
    let written = match fresh.is_empty() {
        true => None,
        false => {
            // What the events are about; a key that is missing is held like those of the items.
            let mut targets = Targets::find(&mut tx, tenant_id, &fresh, &tenant_key).await?;

            // 2. Contacts, locked.
            let people: Vec<Person<'_>> = fresh.iter().flat_map(|item| item.people()).collect();
            let mut book = Book::open(&mut tx, tenant_id, &people).await?;
            let outlived = outlived(&mut tx, tenant_id, &tenant_key, &fresh).await?;
            let people = everybody(&mut book, &domain.ambient, &fresh, &outlived);

            // 3. Conversations, locked in the order of their ids.
            let mut contact_ids: Vec<Uuid> =
                people.iter().filter_map(|who| who.contact).map(|id| book.canonical(id)).collect();
            contact_ids.extend(book.aliased().iter().flat_map(|(younger, older)| [*younger, *older]));
            contact_ids.sort_unstable();
            contact_ids.dedup();
            let mut threads =
                Threads::open(&mut tx, tenant_id, &contact_ids, &targets.conversation_ids()).await?;
            let has_receipts = fresh.iter().any(|item| matches!(item.event, Event::Receipt { .. }));
            targets.lock(&mut tx, tenant_id, has_receipts).await?;

            // 4. Positions, in the order of the items.
            let mut work = Work::new(&domain.ambient, tenant_id, now);
            for (younger, older) in book.aliased() {
                threads.join(&mut work, &channels, &book, younger, older);
            }
            let messages = fresh.iter().filter(|item| matches!(item.event, Event::Message(_))).count();
            let mut numbers = store::conversation::activity_numbers(&mut tx, messages).await?.into_iter();
            let phrases = match messages {
                0 => None,
                _ => Some(domain.phrases(&mut tx, tenant_id).await?),
            };
            let mut waiting = Vec::new();
            for (((item, index), who), outlived) in fresh.iter().zip(&new).zip(&people).zip(&outlived) {
                if *outlived {
                    answers.insert(keys[*index], (NOWHERE, false));
                    continue;
                }
                let person = who.contact.map(|id| book.canonical(id));
                let author = person.map_or(Actor::SYSTEM, Actor::customer);
                let known = match (&item.event, person) {
                    (Event::Message(incoming), Some(contact)) => {
                        let channel = &channels[&item.channel_id];
                        let place = threads.for_customer(&mut work, channel, contact, item.source_at);
                        let phrase = phrases.as_ref().and_then(|phrases| phrases.find(&incoming.content));
                        let number = numbers.next().unwrap_or_default();
                        place.and_then(|id| {
                            let quotes = quoted(&targets, &work, item, incoming, id);
                            let draft = quoting(draft(item, incoming, author), quotes);
                            let draft = Draft { activity_number: number, ..draft };
                            append(&mut work, &mut threads, id, draft, |work, conversation| {
                                written_by_customer(work, conversation, number, item.source_at);
                                asks_for_person(work, conversation, phrase);
                            })
                        })
                    }
                    (Event::Echo(incoming), Some(contact)) => {
                        let channel = &channels[&item.channel_id];
                        threads.for_echo(&mut work, channel, contact, item.source_at).and_then(|id| {
                            let quotes = quoted(&targets, &work, item, incoming, id);
                            let draft = quoting(draft(item, incoming, Actor::BUSINESS), quotes);
                            append(&mut work, &mut threads, id, draft, |work, conversation| {
                                written_by_business(work, conversation, item.source_at);
                            })
                        })
                    }
                    (Event::IdentityChange { new, text }, Some(contact)) if who.changed => {
                        threads.current(contact).and_then(|id| {
                            let draft = remark::of_identity_change(item, new, text);
                            append(&mut work, &mut threads, id, draft, |_, _| {})
                        })
                    }
                    _ => targets
                        .apply(&work, &mut threads, item, author, person)
                        .or_else(|| apply_to_new(&mut work, &mut threads, item, author)),
                };
                match (&item.event, known) {
                    (Event::Message(incoming) | Event::Echo(incoming), Some(known)) => {
                        waiting.extend(quote(&work, item, incoming, known, author));
                    }
                    (Event::Message(_) | Event::Echo(_), None) => {}
                    (_, None) => waiting.push(Waiting::new(item, item.event.clone(), author)),
                    _ => {}
                }
                let known = known.unwrap_or(NOWHERE);
                answers.insert(keys[*index], (known, false));
            }
            early::keep(&mut tx, &work, waiting, &tenant_key).await?;
            early::catch_up(&mut tx, &mut work, &mut threads, &fresh, &tenant_key).await?;

            // What was collected, in the order that references need: contacts before their conversations, and aliases
            // after theirs have closed.
            let rows = book.write(&mut tx, tenant_id, now).await?;
            work.changed.extend(rows);
            targets.write(&mut tx, &mut work).await?;
            targets.let_go(&mut tx, tenant_id).await?;
            let (mut started, mut changed) = threads.into_parts();
            work.persist(&mut tx, &mut started, &mut changed).await?;
            let rows = book.finish(&mut tx, tenant_id).await?;
            work.changed.extend(rows);
            let written = work.publish(&mut tx, &started, &changed).await?;
            let record: Vec<(Key, Known)> = answers
                .iter()
                .filter(|(_, (_, replayed))| !replayed)
                .map(|(key, (known, _))| (*key, *known))
                .collect();
            store::dedup::record(&mut tx, tenant_id, &record).await?;
            written
        }
    };
    tx.commit().await?;
    domain.sequencer.wake();

    for (index, key) in keys.iter().enumerate() {
        if outcomes[index].is_none() {
            let (known, replayed) =
                answers.get(key).copied().ok_or_else(|| Fault::internal("an item has no answer"))?;
            outcomes[index] = Some(Ok(Stored {
                message_id: known.message_id,
                conversation_id: known.conversation_id,
                position: known.position,
                replayed: replayed || first.get(key) != Some(&index),
            }));
        }
    }
    Ok(Ingested { outcomes: outcomes.into_iter().flatten().collect(), written })
}

/// An item without a place: its target has not come, or there is nothing that it changes.
const NOWHERE: Known = Known { message_id: None, conversation_id: None, position: 0 };

/// Whom an item concerns.
struct Who {
    contact: Option<Uuid>,
    /// A change of address found something to change.
    changed: bool,
}

/// Changes of address first: the batch's messages are stamped before them or after, wherever they stand in it.
fn everybody(book: &mut Book, ambient: &Ambient, items: &[&Item], outlived: &[bool]) -> Vec<Who> {
    let mut found: Vec<(usize, Who)> = Vec::with_capacity(items.len());
    for is_change in [true, false] {
        let these = items.iter().enumerate();
        let these = these.filter(|(_, i)| matches!(i.event, Event::IdentityChange { .. }) == is_change);
        found.extend(these.map(|(at, item)| match outlived[at] {
            true => (at, Who { contact: None, changed: false }),
            false => (at, who(book, ambient, item)),
        }));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, who)| who).collect()
}

fn who(book: &mut Book, ambient: &Ambient, item: &Item) -> Who {
    match &item.event {
        Event::IdentityChange { new, .. } => {
            let replaced = book.replace(item.person(), new);
            Who {
                contact: replaced.map(|replaced| replaced.contact),
                changed: replaced.is_some_and(|replaced| replaced.changed),
            }
        }
        // What became of a reply or a file makes nobody known.
        Event::Receipt { .. } | Event::ReceiptUpTo { .. } | Event::Media { .. } => {
            Who { contact: book.find(item.person()), changed: false }
        }
        _ => Who { contact: book.resolve(ambient, item.person()), changed: false },
    }
}

/// The position that a message of a conversation quotes; 0 for none, and while that has not come.
fn quoted(targets: &Targets, work: &Work, item: &Item, incoming: &Incoming, conversation_id: Uuid) -> i64 {
    let name = incoming.reply_to_external_id.as_str();
    if name.is_empty() {
        return 0;
    }
    let of_batch = || {
        let mut messages = work.messages.iter();
        messages.find(|message| message.external_id == name && message.channel_id == item.channel_id)
    };
    let message = targets.message(item.channel_id, name).or_else(of_batch);
    message.filter(|message| message.conversation_id == conversation_id).map_or(0, |message| message.position)
}

/// What a stored message quotes, as long as that has not come.
fn quote(work: &Work, item: &Item, incoming: &Incoming, known: Known, author: Actor) -> Option<Waiting> {
    let (message_id, conversation_id) = (known.message_id?, known.conversation_id?);
    let dangles = work.messages.iter().any(|m| m.id == message_id && !m.reply_to_external_id.is_empty());
    let target = incoming.reply_to_external_id.clone();
    let event = Event::Quote { target, message_id, conversation_id };
    dangles.then(|| Waiting::new(item, event, author))
}

/// The batch's channels, as they are now.
async fn channels(
    connection: &mut tandem_database::Connection,
    tenant_id: Uuid,
    items: &[Item],
) -> Result<BTreeMap<Uuid, Channel>> {
    let mut ids: Vec<Uuid> = items.iter().map(|item| item.channel_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let channels = store::channel::find(connection, tenant_id, &ids).await?;
    Ok(channels.into_iter().map(|channel| (channel.id, channel)).collect())
}

/// Why an item's channel takes nothing.
fn refused(channels: &BTreeMap<Uuid, Channel>, item: &Item) -> Option<Fault> {
    match channels.get(&item.channel_id) {
        None => Some(Fault::not_found("channel")),
        Some(channel) if !channel.takes_part() => {
            Some(Fault::new(Reason::ChannelDisabled, "the channel is disabled"))
        }
        Some(_) => None,
    }
}

fn draft(item: &Item, incoming: &Incoming, author: Actor) -> Draft {
    Draft {
        source_at: item.source_at,
        received_at: item.received_at,
        reply_to_external_id: incoming.reply_to_external_id.clone(),
        forwarded: incoming.forwarded,
        referral: incoming.referral.clone(),
        external_id: item.external_id.clone(),
        ..Draft::now(author, incoming.content.clone(), item.received_at)
    }
}

/// The external id is kept only while it dangles.
fn quoting(mut draft: Draft, position: i64) -> Draft {
    if position > 0 {
        draft.reply_to_position = position;
        draft.reply_to_external_id.clear();
    }
    draft
}

/// Gives a message its position, and does to the conversation what such a message does.
fn append(
    work: &mut Work,
    threads: &mut Threads,
    conversation_id: Uuid,
    draft: Draft,
    then: impl FnOnce(&mut Work, &mut Conversation),
) -> Option<Known> {
    let conversation = threads.touch(conversation_id)?;
    let index = work.append(conversation, draft);
    then(work, conversation);
    let message = &work.messages[index];
    Some(Known {
        message_id: Some(message.id),
        conversation_id: Some(conversation_id),
        position: message.position,
    })
}
