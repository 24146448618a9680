//! Addresses that were replaced since an item was stamped: a message that comes late, by the former address, is of the same
//! person, and does not bring that address back.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::Person;
use crate::domain::kinds::IdentityKind;
use crate::store;
use crate::store::contact::Address;
use crate::store::identity_change::Change;

/// Changes that are followed from one address to the next.
const MOST_STEPS: usize = 8;

/// What addresses became, and when.
#[derive(Debug, Default)]
pub struct Changes {
    by_former: HashMap<Address, BTreeMap<DateTime<Utc>, String>>,
}

impl Changes {
    pub async fn read(connection: &mut Connection, tenant_id: Uuid, addresses: &[Address]) -> Result<Self> {
        let mut changes = Self::default();
        if !addresses.is_empty() {
            let found = store::identity_change::find(connection, tenant_id, addresses).await?;
            found.into_iter().for_each(|change| changes.add(change));
        }
        Ok(changes)
    }

    pub fn add(&mut self, change: Change) {
        self.by_former.entry(change.former).or_default().insert(change.at, change.new);
    }

    /// What an address of a time is by now.
    pub fn follow(&self, channel_id: Uuid, kind: IdentityKind, value: &str, at: DateTime<Utc>) -> String {
        let (mut value, mut at) = (value.to_owned(), at);
        for _ in 0..MOST_STEPS {
            let later = self.by_former.get(&(channel_id, kind, value.clone()));
            let Some((since, new)) = later.and_then(|changes| changes.range(at..).next()) else { break };
            if *new == value {
                break;
            }
            (value, at) = (new.clone(), *since);
        }
        value
    }

    /// A person's verified addresses as they are by now.
    pub fn verified(&self, person: &Person<'_>) -> BTreeMap<IdentityKind, String> {
        let verified = person.identities.iter().filter(|identity| identity.verified);
        verified.map(|i| (i.kind, self.follow(person.channel_id, i.kind, &i.value, person.at))).collect()
    }

    /// The same as addresses.
    pub fn followed(&self, person: &Person<'_>) -> Vec<Address> {
        let verified = self.verified(person);
        verified.into_iter().map(|(kind, value)| (person.channel_id, kind, value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_followed_from_the_time_of_its_message() {
        let time = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let channel = Uuid::from_u128(1);
        let former = |value: &str| (channel, IdentityKind::Phone, value.to_owned());
        let mut changes = Changes::default();
        for (from, at, to) in [("a", 10, "b"), ("b", 20, "c"), ("a", 30, "d")] {
            changes.add(Change { former: former(from), at: time(at), new: to.to_owned() });
        }
        let by = |value, at| changes.follow(channel, IdentityKind::Phone, value, time(at));
        assert_eq!((by("a", 5), by("a", 10)), ("c".to_owned(), "c".to_owned()));
        assert_eq!((by("b", 15), by("b", 21)), ("c".to_owned(), "b".to_owned()));
        // Recycled: another person's from then on, until that one changed it too.
        assert_eq!((by("a", 11), by("a", 31)), ("d".to_owned(), "a".to_owned()));
        changes.add(Change { former: former("d"), at: time(40), new: "a".to_owned() });
        let back = changes.follow(channel, IdentityKind::Phone, "d", time(40));
        assert_eq!(back, "a", "there and back");
    }
}
