use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::model::{Contact, Key};

/// Parts customers into the sets that their contacts imply. In each set the one that stands for it comes first: the
/// oldest by first contact, then by id; the others follow by id. One without contacts is a set of its own.
pub fn sets(customers: &BTreeSet<Key>, contacts: &[(Uuid, Contact)]) -> Vec<Vec<Key>> {
    let mut links = Links(customers.iter().map(|key| (*key, *key)).collect());
    let owners: BTreeMap<Key, Key> = contacts
        .iter()
        .map(|(tenant, contact)| ((*tenant, contact.id), (*tenant, contact.customer_id)))
        .collect();
    let mut first: BTreeMap<Key, DateTime<Utc>> = BTreeMap::new();
    let mut bearers: BTreeMap<(Uuid, &str), Key> = BTreeMap::new();
    for (tenant, contact) in contacts {
        let owner = (*tenant, contact.customer_id);
        let oldest = first.entry(owner).or_insert(contact.created_at);
        *oldest = (*oldest).min(contact.created_at);
        if let Some(canonical) = contact.canonical_id.and_then(|id| owners.get(&(*tenant, id))) {
            links.join(owner, *canonical);
        }
        for value in contact.external_ids() {
            let bearer = *bearers.entry((*tenant, value)).or_insert(owner);
            links.join(owner, bearer);
        }
    }
    let mut parts: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
    for key in customers {
        parts.entry(links.top(*key)).or_default().push(*key);
    }
    let age = |key: &Key| (first.get(key).copied().unwrap_or(DateTime::<Utc>::MAX_UTC), *key);
    let oldest_first = |mut set: Vec<Key>| {
        if let Some(oldest) = (0..set.len()).min_by_key(|index| age(&set[*index])) {
            set[..=oldest].rotate_right(1);
        }
        set
    };
    parts.into_values().map(oldest_first).collect()
}

/// The name of a set, and whether people gave it: the first correction that the set's customers, the one that stands for
/// it first, carry; else the first name that a channel gives, by the age of the contacts, aliases last.
pub fn said_name<'a>(
    corrections: impl IntoIterator<Item = Option<&'a str>>,
    contacts: impl IntoIterator<Item = &'a Contact>,
) -> (String, bool) {
    if let Some(corrected) = corrections.into_iter().flatten().next().filter(|name| !name.is_empty()) {
        return (corrected.to_owned(), true);
    }
    let named = contacts.into_iter().filter(|contact| !contact.display_name.trim().is_empty());
    let first = named.min_by_key(|contact| (contact.canonical_id.is_some(), contact.created_at, contact.id));
    (first.map(|contact| contact.display_name.trim().to_owned()).unwrap_or_default(), false)
}

/// Each customer's link towards the top of its set.
struct Links(BTreeMap<Key, Key>);

impl Links {
    fn top(&mut self, key: Key) -> Key {
        let mut top = key;
        while let Some(next) = self.0.get(&top).copied().filter(|next| *next != top) {
            top = next;
        }
        self.0.insert(key, top);
        top
    }

    fn join(&mut self, one: Key, other: Key) {
        let (one, other) = (self.top(one), self.top(other));
        self.0.insert(one, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::Identity;

    const TENANT: Uuid = Uuid::from_u128(1);

    fn contact(id: u128, at: i64, canonical: Option<u128>, external: &[&str]) -> (Uuid, Contact) {
        let identity = |value: &&str| Identity { kind: 1, value: (*value).to_owned(), verified: true };
        let contact = Contact {
            id: Uuid::from_u128(id),
            customer_id: Uuid::from_u128(100 + id),
            channel_id: Uuid::nil(),
            canonical_id: canonical.map(Uuid::from_u128),
            display_name: format!("name {id}"),
            created_at: DateTime::from_timestamp(at, 0).unwrap(),
            identities: external.iter().map(identity).collect(),
            version: 1,
        };
        (TENANT, contact)
    }

    fn parted(contacts: &[(Uuid, Contact)]) -> Vec<Vec<u128>> {
        let customers = contacts.iter().map(|(tenant, contact)| (*tenant, contact.customer_id)).collect();
        let sets = sets(&customers, contacts);
        sets.iter().map(|set| set.iter().map(|key| key.1.as_u128() - 100).collect()).collect()
    }

    #[test]
    fn the_oldest_stands_for_its_set_and_then_the_smallest_id() {
        assert_eq!(parted(&[contact(1, 9, None, &["a"]), contact(2, 5, None, &["a"])]), [[2, 1]]);
        assert_eq!(parted(&[contact(2, 5, None, &["a"]), contact(1, 5, None, &["a"])]), [[1, 2]]);
    }

    #[test]
    fn links_chain_over_ids_and_aliases() {
        let contacts = [
            contact(1, 4, None, &["a"]),
            contact(2, 3, None, &["a", "b"]),
            contact(3, 2, Some(4), &["b"]),
            contact(4, 1, None, &[]),
            contact(5, 0, None, &["c"]),
        ];
        let mut sets = parted(&contacts);
        sets.sort();
        assert_eq!(sets, [vec![4, 1, 2, 3], vec![5]]);
    }

    #[test]
    fn claimed_ids_and_other_kinds_link_nobody() {
        let mut two = [contact(1, 1, None, &["a"]), contact(2, 2, None, &["a"])];
        two[1].1.identities[0].verified = false;
        assert_eq!(parted(&two).len(), 2);
        two[1].1.identities[0] = Identity { kind: 3, value: "a".to_owned(), verified: true };
        assert_eq!(parted(&two).len(), 2);
    }

    #[test]
    fn a_correction_wins_and_an_empty_one_gives_the_channels_name_back() {
        let contacts = [contact(1, 5, None, &[]).1, contact(2, 3, Some(1), &[]).1];
        assert_eq!(said_name([None, Some("Ann")], &contacts), ("Ann".to_owned(), true));
        assert_eq!(said_name([Some(""), Some("Ann")], &contacts), ("name 1".to_owned(), false));
        assert_eq!(said_name([None], &contacts[1..]), ("name 2".to_owned(), false));
        assert_eq!(said_name([None], []), (String::new(), false));
    }
}
