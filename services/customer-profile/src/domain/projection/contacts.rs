use std::collections::{BTreeMap, BTreeSet};

use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};

use crate::domain::address;
use crate::domain::merge::{hold, settle};
use crate::domain::model::{Contact, Key};
use crate::store;

/// Takes in states of contacts, and settles which customers they belong to. Under [`hold`] of their tenants.
pub async fn apply(
    connection: &mut Connection,
    ambient: &Ambient,
    generation: i64,
    states: &BTreeMap<Key, Option<Contact>>,
) -> Result<()> {
    if states.is_empty() {
        return Ok(());
    }
    let known = store::contact::read(connection, &states.keys().copied().collect()).await?;
    let (mut newer, mut different) = (Vec::new(), Vec::new());
    let mut changed = BTreeSet::new();
    for (key, contact) in states.iter().filter_map(|(key, state)| Some((key, state.as_ref()?))) {
        let before = known.get(key);
        if before.is_some_and(|before| {
            (before.generation, before.contact.version) >= (generation, contact.version)
        }) {
            continue;
        }
        newer.push((*key, contact.clone()));
        // A rebuild sends everything again: what says the same is told to nobody.
        if !before.is_some_and(|before| before.contact.says_the_same(contact)) {
            different.push((*key, contact.clone()));
            changed.insert((key.0, contact.customer_id));
            changed.extend(before.map(|before| (key.0, before.contact.customer_id)));
        }
    }
    if !newer.is_empty() {
        store::customer::ensure(connection, &changed).await?;
        store::contact::write(connection, generation, &newer).await?;
        store::contact::link(connection, &different).await?;
        let addresses =
            |(key, contact): &(Key, Contact)| (*key, contact.version, address::of(&contact.identities));
        store::address::write(connection, &newer.iter().map(addresses).collect::<Vec<_>>()).await?;
    }
    let gone: BTreeSet<Key> =
        states.iter().filter(|(_, state)| state.is_none()).map(|(key, _)| *key).collect();
    if !gone.is_empty() {
        changed.extend(store::contact::remove(connection, &gone).await?);
    }
    settle(connection, ambient, &changed).await?;
    Ok(())
}

/// Removes contacts that a rebuild did not see.
pub async fn sweep(connection: &mut Connection, ambient: &Ambient, generation: i64) -> Result<()> {
    let unseen = store::contact::older_than(connection, generation).await?;
    if unseen.is_empty() {
        return Ok(());
    }
    hold(connection, &unseen.iter().map(|(tenant, _)| *tenant).collect()).await?;
    let changed = store::contact::remove(connection, &unseen).await?;
    settle(connection, ambient, &changed).await?;
    Ok(())
}
