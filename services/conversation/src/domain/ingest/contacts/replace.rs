//! A channel tells that an address was replaced by another: the same person.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Book, Person};
use crate::domain::kinds::IdentityKind;
use crate::domain::model::Identity;
use crate::store::identity_change::Change;

/// Whom a change of address concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub contact: Uuid,
    /// False when the contact had the new address already.
    pub changed: bool,
}

impl Book {
    /// The contact that an item's verified addresses name, the strongest first; makes and changes nothing.
    pub fn find(&self, person: Person<'_>) -> Option<Uuid> {
        let wanted = self.changes.verified(&person);
        self.find_by(person.channel_id, &wanted)
    }

    fn find_by(&self, channel_id: Uuid, wanted: &BTreeMap<IdentityKind, String>) -> Option<Uuid> {
        wanted.iter().find_map(|(kind, value)| {
            let address = (channel_id, *kind, value.clone());
            self.by_address.get(&address).copied().filter(|found| !self.differs(*found, wanted, *kind))
        })
    }

    /// Gives the person a new address for the former one of its kind. Whoever had the new one is the same person, and the
    /// younger becomes an alias of the older; unless the two differ in a stronger kind, then the address moves. `None`
    /// when neither address is known. The change is remembered for messages that come late, stamped before it.
    pub fn replace(&mut self, person: Person<'_>, new: &Identity) -> Option<Replaced> {
        let channel_id = person.channel_id;
        // By the former addresses as given: it is this change that replaces them.
        let verified = person.identities.iter().filter(|identity| identity.verified);
        let mut wanted: BTreeMap<IdentityKind, String> =
            verified.map(|i| (i.kind, i.value.clone())).collect();
        let value = self.changes.follow(channel_id, new.kind, &new.value, person.at);
        if let Some(former) = wanted.get(&new.kind).filter(|former| **former != new.value) {
            let former = (channel_id, new.kind, former.clone());
            let change = Change { former, at: person.at, new: new.value.clone() };
            self.changes.add(change.clone());
            self.recorded.push(change);
        }
        let had = self.by_address.get(&(channel_id, new.kind, value.clone())).copied();
        let found = self.find_by(channel_id, &wanted).or_else(|| {
            // Its number may have gone on already; the others still name the person.
            wanted.remove(&new.kind);
            self.find_by(channel_id, &wanted)
        });
        let Some(contact) = found else {
            return had.map(|contact| Replaced { contact, changed: false });
        };
        if had == Some(contact) {
            return Some(Replaced { contact, changed: false });
        }
        // First, so that a join does not put it in the place of the new one.
        let known = self.contacts.get_mut(&contact)?;
        known.changed = true;
        if let Some(former) = known.verified.remove(&new.kind) {
            self.by_address.remove(&(channel_id, new.kind, former));
        }
        let target = match had {
            Some(other) if !self.differ_above(contact, other, new.kind) => self.join(contact, other),
            _ => contact,
        };
        self.give(channel_id, new.kind, &value, target);
        Some(Replaced { contact: target, changed: true })
    }

    /// Whether two contacts have different values of a kind stronger than this.
    fn differ_above(&self, one: Uuid, two: Uuid, kind: IdentityKind) -> bool {
        let (one, two) = (&self.contacts[&one].verified, &self.contacts[&two].verified);
        one.range(..kind).any(|(kind, value)| two.get(kind).is_some_and(|other| other != value))
    }
}
