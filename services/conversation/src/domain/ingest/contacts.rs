//! Who wrote: contacts by their verified addresses, never by claimed ones.
//!
//! Kinds of identity are ranked. Contacts with different values of one kind are different people and never alias; a weaker
//! address simply moves, since numbers are recycled and browsers shared. Otherwise an item that matches two contacts shows
//! that they are one person: the younger becomes an alias of the older.

mod changes;
mod replace;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use changes::Changes;
use chrono::{DateTime, Utc};
use tandem_ambient::Ambient;
use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Connection, Error, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use crate::domain::kinds::IdentityKind;
use crate::domain::model::{Contact, Identity};
use crate::store;
use crate::store::contact::Address;
use crate::store::identity_change::Change;

/// What an item says of the person on the other side.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub channel_id: Uuid,
    pub identities: &'a [Identity],
    pub display_name: &'a str,
    /// When they were the person's; changes of address since are followed.
    pub at: DateTime<Utc>,
}

/// Rounds of looking up and locking; each means that another writer moved an address meanwhile.
const ROUNDS: usize = 5;

/// The contacts that a batch concerns, locked, as they are and as they will be.
#[derive(Debug, Default)]
pub struct Book {
    contacts: BTreeMap<Uuid, Known>,
    by_address: HashMap<Address, Uuid>,
    /// Addresses as the database has them.
    stored: HashMap<Address, Uuid>,
    changes: Changes,
    /// Changes of this batch.
    recorded: Vec<Change>,
}

#[derive(Debug)]
struct Known {
    contact: Contact,
    verified: BTreeMap<IdentityKind, String>,
    new: bool,
    changed: bool,
    /// Became an alias in this batch.
    aliased: bool,
    claims: BTreeSet<(IdentityKind, String)>,
}

impl Book {
    /// Looks people's contacts up, locks them in the order of their ids, and looks again under the locks.
    pub async fn open(connection: &mut Connection, tenant_id: Uuid, people: &[Person<'_>]) -> Result<Self> {
        let given: Vec<Address> = people.iter().flat_map(addresses).collect();
        let mut locked = BTreeSet::new();
        for _ in 0..ROUNDS {
            // In each round: an address that another writer took away was replaced by another at this moment.
            let changes = Changes::read(connection, tenant_id, &given).await?;
            let mut addresses: Vec<Address> = given.clone();
            addresses.extend(people.iter().flat_map(|person| changes.followed(person)));
            addresses.sort_unstable();
            addresses.dedup();
            let found: BTreeSet<Uuid> =
                store::contact::of_addresses(connection, tenant_id, &addresses).await?.into_iter().collect();
            if found.is_subset(&locked) {
                return Self::read(connection, tenant_id, &locked, changes).await;
            }
            // Locking a second time out of order can deadlock; PostgreSQL ends that, and the batch tries again.
            locked.extend(found);
            let ids: Vec<Uuid> = locked.iter().copied().collect();
            store::contact::lock(connection, tenant_id, &ids).await?;
        }
        Err(Error::Fault(Fault::new(Reason::Overloaded, "the contacts keep changing")))
    }

    async fn read(
        connection: &mut Connection,
        tenant_id: Uuid,
        ids: &BTreeSet<Uuid>,
        changes: Changes,
    ) -> Result<Self> {
        let ids: Vec<Uuid> = ids.iter().copied().collect();
        let mut book = Self { changes, ..Self::default() };
        for contact in store::contact::find(connection, tenant_id, &ids).await? {
            let mut verified = BTreeMap::new();
            for identity in contact.identities.iter().filter(|identity| identity.verified) {
                let address = (contact.channel_id, identity.kind, identity.value.clone());
                book.by_address.insert(address.clone(), contact.id);
                book.stored.insert(address, contact.id);
                verified.insert(identity.kind, identity.value.clone());
            }
            let known = Known {
                contact,
                verified,
                new: false,
                changed: false,
                aliased: false,
                claims: BTreeSet::new(),
            };
            book.contacts.insert(known.contact.id, known);
        }
        Ok(book)
    }

    /// The contact of an item; makes, joins and changes contacts in memory. `None` for an item without verified
    /// addresses.
    pub fn resolve(&mut self, ambient: &Ambient, item: Person<'_>) -> Option<Uuid> {
        let wanted = self.changes.verified(&item);
        if wanted.is_empty() {
            return None;
        }
        let mut target: Option<Uuid> = None;
        for (kind, value) in &wanted {
            let address = (item.channel_id, *kind, value.clone());
            let Some(candidate) = self.by_address.get(&address).copied() else { continue };
            if self.differs(candidate, &wanted, *kind) || target == Some(candidate) {
                continue;
            }
            target = match target {
                None => Some(candidate),
                Some(first) if self.are_different(first, candidate) => Some(first),
                Some(first) => Some(self.join(first, candidate)),
            };
        }
        let target = target.unwrap_or_else(|| self.add(ambient, item));
        for (kind, value) in &wanted {
            self.give(item.channel_id, *kind, value, target);
        }
        let known = self.contacts.get_mut(&target)?;
        if !item.display_name.is_empty() && known.contact.display_name != item.display_name {
            item.display_name.clone_into(&mut known.contact.display_name);
            known.changed = true;
        }
        for claim in item.identities.iter().filter(|identity| !identity.verified) {
            let stands =
                known.contact.identities.iter().any(|i| i.kind == claim.kind && i.value == claim.value);
            if !stands && known.claims.insert((claim.kind, claim.value.clone())) {
                known.changed = true;
            }
        }
        Some(target)
    }

    /// Whether a contact found by one kind has another value of a stronger kind than the item: another person.
    fn differs(&self, contact: Uuid, wanted: &BTreeMap<IdentityKind, String>, by: IdentityKind) -> bool {
        let known = &self.contacts[&contact];
        wanted.range(..by).any(|(kind, value)| known.verified.get(kind).is_some_and(|other| other != value))
    }

    /// Whether two contacts have different values of one kind.
    fn are_different(&self, one: Uuid, two: Uuid) -> bool {
        let (one, two) = (&self.contacts[&one].verified, &self.contacts[&two].verified);
        one.iter().any(|(kind, value)| two.get(kind).is_some_and(|other| other != value))
    }

    fn add(&mut self, ambient: &Ambient, item: Person<'_>) -> Uuid {
        let now = ambient.now();
        let contact = Contact {
            id: ambient.id_at(now),
            channel_id: item.channel_id,
            canonical_id: None,
            customer_id: ambient.id_at(now),
            display_name: String::new(),
            created_at: now,
            version: 1,
            identities: Vec::new(),
        };
        let id = contact.id;
        let known = Known {
            contact,
            verified: BTreeMap::new(),
            new: true,
            changed: true,
            aliased: false,
            claims: BTreeSet::new(),
        };
        self.contacts.insert(id, known);
        id
    }

    /// Makes the younger an alias of the older, which takes its addresses. Answers the older.
    fn join(&mut self, one: Uuid, two: Uuid) -> Uuid {
        let age = |id: Uuid| (self.contacts[&id].contact.created_at, id);
        let (older, younger) = if age(one) <= age(two) { (one, two) } else { (two, one) };
        let Some(known) = self.contacts.get_mut(&younger) else { return older };
        known.contact.canonical_id = Some(older);
        (known.changed, known.aliased) = (true, true);
        let channel_id = known.contact.channel_id;
        let claims = std::mem::take(&mut known.claims);
        for (kind, value) in std::mem::take(&mut known.verified) {
            self.give(channel_id, kind, &value, older);
        }
        if let Some(known) = self.contacts.get_mut(&older) {
            known.claims.extend(claims);
            known.changed = true;
        }
        older
    }

    /// Gives an address to a contact: takes it from whoever had it, and replaces the contact's own of that kind.
    fn give(&mut self, channel_id: Uuid, kind: IdentityKind, value: &str, to: Uuid) {
        let address = (channel_id, kind, value.to_owned());
        if self.by_address.get(&address) == Some(&to) {
            return;
        }
        if let Some(before) = self.by_address.insert(address, to)
            && let Some(known) = self.contacts.get_mut(&before)
            && known.verified.get(&kind).is_some_and(|other| other == value)
        {
            known.verified.remove(&kind);
            known.changed = true;
        }
        let Some(known) = self.contacts.get_mut(&to) else { return };
        known.changed = true;
        if let Some(replaced) = known.verified.insert(kind, value.to_owned())
            && replaced != value
        {
            self.by_address.remove(&(channel_id, kind, replaced));
        }
    }

    /// The contact that stands for this one by now.
    pub fn canonical(&self, id: Uuid) -> Uuid {
        let mut at = id;
        while let Some(next) = self.contacts.get(&at).and_then(|known| known.contact.canonical_id) {
            at = next;
        }
        at
    }

    /// Contacts that became aliases in this batch and may have conversations: with whom they turned out to be.
    pub fn aliased(&self) -> Vec<(Uuid, Uuid)> {
        let known = self.contacts.values().filter(|known| known.aliased && !known.new);
        known.map(|known| (known.contact.id, self.canonical(known.contact.id))).collect()
    }

    pub fn channel_of(&self, id: Uuid) -> Option<Uuid> {
        self.contacts.get(&id).map(|known| known.contact.channel_id)
    }

    /// Writes new contacts and moved addresses: before conversations, which refer to contacts.
    pub async fn write(
        &self,
        connection: &mut Connection,
        tenant_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Vec<Row>> {
        store::identity_change::insert(connection, tenant_id, &self.recorded, now).await?;
        // One that was made and joined in the same batch never was.
        let new: Vec<&Contact> =
            self.contacts.values().filter(|k| k.new && !k.aliased).map(|known| &known.contact).collect();
        store::contact::insert(connection, tenant_id, &new).await?;
        let removed: Vec<Address> =
            self.stored.keys().filter(|address| !self.by_address.contains_key(*address)).cloned().collect();
        store::contact::remove_addresses(connection, tenant_id, &removed).await?;
        let (mut moved, mut added) = (Vec::new(), Vec::new());
        for (address, to) in &self.by_address {
            match self.stored.get(address) {
                Some(from) if from == to => {}
                Some(_) => moved.push((address.clone(), *to)),
                None => added.push((address.clone(), *to)),
            }
        }
        store::contact::move_addresses(connection, tenant_id, &moved).await?;
        store::contact::add_addresses(connection, tenant_id, &added).await?;
        let claims: Vec<_> = self
            .contacts
            .values()
            .filter(|known| !known.aliased)
            .flat_map(|known| {
                known.claims.iter().map(|(kind, value)| (known.contact.id, *kind, value.clone()))
            })
            .collect();
        store::contact::add_claims(connection, tenant_id, &claims).await?;
        Ok(new.iter().map(|contact| row(tenant_id, contact.id, 1)).collect())
    }

    /// Writes names and canonical pointers: after the aliases' conversations were closed.
    pub async fn finish(&mut self, connection: &mut Connection, tenant_id: Uuid) -> Result<Vec<Row>> {
        let mut changed = Vec::new();
        for known in self.contacts.values_mut().filter(|known| known.changed && !known.new) {
            known.contact.version += 1;
            changed.push(&known.contact);
        }
        let mut rows: Vec<Row> = changed.iter().map(|c| row(tenant_id, c.id, c.version)).collect();
        store::contact::save(connection, tenant_id, &changed).await?;
        let pairs = self.aliased();
        let repointed = store::contact::repoint(connection, tenant_id, &pairs).await?;
        rows.extend(repointed.into_iter().map(|(id, version)| row(tenant_id, id, version)));
        Ok(rows)
    }
}

fn row(tenant_id: Uuid, entity_id: Uuid, version: i64) -> Row {
    Row { tenant_id, kind: ChangeKind::Contact, entity_id, version }
}

fn addresses(item: &Person<'_>) -> Vec<Address> {
    let verified = item.identities.iter().filter(|identity: &&Identity| identity.verified);
    verified.map(|identity| (item.channel_id, identity.kind, identity.value.clone())).collect()
}
