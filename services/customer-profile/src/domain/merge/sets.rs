use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Link;
use crate::domain::model::{Contact, Key};

/// Parts customers into the sets that their contacts and the merges that hold imply. In each set the one that stands for
/// it comes first: the survivor of the newest merge in it, without merges the oldest by first contact, then by id; the
/// others follow by id. One without contacts and merges is a set of its own.
pub fn sets(customers: &BTreeSet<Key>, contacts: &[(Uuid, Contact)], merges: &[Link]) -> Vec<Vec<Key>> {
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
    let known = |link: &&Link| customers.contains(&link.survivor) && customers.contains(&link.merged);
    let merges: Vec<&Link> = merges.iter().filter(known).collect();
    for link in &merges {
        links.join(link.survivor, link.merged);
    }
    let mut newest: BTreeMap<Key, &Link> = BTreeMap::new();
    for link in merges {
        let of_set = newest.entry(links.top(link.survivor)).or_insert(link);
        *of_set = link.max(*of_set);
    }
    let chosen: BTreeSet<Key> = newest.into_values().map(|link| link.survivor).collect();
    let mut parts: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
    for key in customers {
        parts.entry(links.top(*key)).or_default().push(*key);
    }
    let rank = |key: &Key| {
        let age = first.get(key).copied().unwrap_or(DateTime::<Utc>::MAX_UTC);
        (!chosen.contains(key), age, *key)
    };
    let who_stands_first = |mut set: Vec<Key>| {
        if let Some(root) = (0..set.len()).min_by_key(|index| rank(&set[*index])) {
            set[..=root].rotate_right(1);
        }
        set
    };
    parts.into_values().map(who_stands_first).collect()
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
        merged(contacts, &[])
    }

    /// Merges as survivor, merged and second.
    fn merged(contacts: &[(Uuid, Contact)], merges: &[(u128, u128, i64)]) -> Vec<Vec<u128>> {
        let customers = contacts.iter().map(|(tenant, contact)| (*tenant, contact.customer_id)).collect();
        let key = |number: u128| (TENANT, Uuid::from_u128(100 + number));
        let link = |(survivor, merged, at): &(u128, u128, i64)| Link {
            merged_at: DateTime::from_timestamp(*at, 0).unwrap(),
            id: Uuid::from_u128(1_000 + at.unsigned_abs() as u128),
            survivor: key(*survivor),
            merged: key(*merged),
        };
        let sets = sets(&customers, contacts, &merges.iter().map(link).collect::<Vec<_>>());
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
    fn the_survivor_that_people_chose_last_stands_for_all_that_are_linked_with_it() {
        let alone = [1, 2, 3, 4].map(|n: u32| contact(n.into(), n.into(), None, &[]));
        assert_eq!(merged(&alone[..2], &[(2, 1, 5)]), [[2, 1]]);
        assert_eq!(merged(&alone, &[(2, 1, 5), (4, 3, 6)]), [[2, 1], [4, 3]]);
        for order in [[(2, 1, 5), (4, 3, 6), (2, 4, 7)], [(2, 4, 7), (4, 3, 6), (2, 1, 5)]] {
            assert_eq!(merged(&alone, &order), [[2, 1, 3, 4]]);
        }
        // Without the last merge the parts are as they were.
        assert_eq!(merged(&alone, &[(4, 3, 6)]), [vec![1], vec![2], vec![4, 3]]);
        // A link by itself joins sets: the newest choice of people stands for both, however old the others are.
        let mut linked = alone.clone();
        linked[0] = contact(1, 1, None, &["a"]);
        linked[2] = contact(3, 3, None, &["a"]);
        assert_eq!(merged(&linked, &[(4, 3, 6)]), [vec![4, 1, 3], vec![2]]);
        assert_eq!(merged(&linked, &[(4, 3, 6), (1, 2, 7)]), [[1, 2, 3, 4]]);
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
