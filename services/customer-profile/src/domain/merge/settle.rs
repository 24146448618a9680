use std::collections::{BTreeMap, BTreeSet};

use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{Link, said_name, sets};
use crate::domain::model::{Contact, Customer, Key, Standing};
use crate::domain::{Change, tag, tell};
use crate::store;

/// Parts the customers around `changed` into sets again, writes where each stands, and tells of those that stand
/// elsewhere or whose contacts changed. `changed` are customers whose contacts or merges changed. Answers the last change.
///
/// Under [`super::hold`] of the tenants. It locks all rows of a set in the order of their keys; people's edits lock one
/// row, the one that stands for the set.
pub async fn settle(
    connection: &mut Connection,
    ambient: &Ambient,
    changed: &BTreeSet<Key>,
) -> Result<Option<Change>> {
    part(connection, ambient, changed, changed).await
}

/// As [`settle`] where nothing is known to have changed: tells only of those that stand elsewhere.
pub async fn settle_again(
    connection: &mut Connection,
    ambient: &Ambient,
    looked_at: &BTreeSet<Key>,
) -> Result<Option<Change>> {
    part(connection, ambient, looked_at, &BTreeSet::new()).await
}

async fn part(
    connection: &mut Connection,
    ambient: &Ambient,
    looked_at: &BTreeSet<Key>,
    changed: &BTreeSet<Key>,
) -> Result<Option<Change>> {
    if looked_at.is_empty() {
        return Ok(None);
    }
    let around = surroundings(connection, looked_at).await?;
    let customers = store::customer::lock(connection, &around).await?;
    let contacts = store::contact::of_customers(connection, &around).await?;
    let merges = store::merge::links(connection, &around).await?;
    let moved = placements(customers, &contacts, &merges, changed);
    let mut told = store::customer::place(connection, &moved).await?;
    told.sort_unstable();
    // Also of those who are about to go: they were counted for what they carried.
    tag::count_again(connection, &around).await?;
    let minted: BTreeSet<Key> =
        contacts.iter().map(|(tenant, contact)| (*tenant, contact.customer_id)).collect();
    let bare: BTreeSet<Key> = changed.difference(&minted).copied().collect();
    if !bare.is_empty() {
        let gone = store::customer::remove_empty(connection, &bare).await?;
        told.retain(|(key, _)| gone.iter().all(|(end, _)| end != key));
        told.extend(gone);
    }
    store::standing::derive(connection, &around).await?;
    tell(connection, ambient, &told).await
}

/// Every customer that is, was or becomes one person with one of `changed`.
pub async fn surroundings(connection: &mut Connection, changed: &BTreeSet<Key>) -> Result<BTreeSet<Key>> {
    let mut around = changed.clone();
    let mut edge = changed.clone();
    while !edge.is_empty() {
        let next = store::customer::neighbours(connection, &edge).await?;
        edge = next.into_iter().filter(|key| around.insert(*key)).collect();
    }
    Ok(around)
}

/// Where customers stand now, for those that moved and those that are told of anyway.
fn placements(
    customers: Vec<Customer>,
    contacts: &[(Uuid, Contact)],
    merges: &[Link],
    changed: &BTreeSet<Key>,
) -> Vec<(Key, Standing)> {
    let customers: BTreeMap<Key, Customer> =
        customers.into_iter().map(|customer| (customer.key, customer)).collect();
    let mut minted: BTreeMap<Key, Vec<&Contact>> = BTreeMap::new();
    for (tenant, contact) in contacts {
        minted.entry((*tenant, contact.customer_id)).or_default().push(contact);
    }
    let mut placed = Vec::new();
    for set in sets(&customers.keys().copied().collect(), contacts, merges) {
        let Some((root, merged)) = set.split_first() else { continue };
        let of_set = || set.iter().filter_map(|key| minted.get(key)).flatten().copied();
        let (name, name_corrected) =
            said_name(set.iter().map(|key| customers[key].corrected_name.as_deref()), of_set());
        let channel_ids: BTreeSet<_> = of_set().map(|contact| contact.channel_id).collect();
        let standing = Standing {
            merged_into: None,
            name,
            name_corrected,
            channel_ids: channel_ids.into_iter().collect(),
            first_contact_at: of_set().map(|contact| contact.created_at).min(),
        };
        let shows_a_change = set.iter().any(|key| changed.contains(key));
        if shows_a_change || customers[root].standing != standing {
            placed.push((*root, standing));
        }
        let pointer = Standing { merged_into: Some(root.1), ..Standing::default() };
        let moved = merged.iter().filter(|key| customers[*key].standing != pointer);
        placed.extend(moved.map(|key| (*key, pointer.clone())));
    }
    placed
}
