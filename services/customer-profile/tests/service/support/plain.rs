//! What contacts and merges imply, worked out the plain way: by another algorithm than the service's.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Person;

/// People as their newest states say, and the merges that hold, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Plain {
    pub people: Vec<Person>,
    /// Survivor and merged.
    pub merges: Vec<(Uuid, Uuid)>,
}

impl Plain {
    fn linked(&self, a: &Person, b: &Person) -> bool {
        let external = |person: &Person| person.state.identities.first().map(|id| id.value.clone());
        let same = external(a).is_some() && external(a) == external(b);
        let alias = a.state.canonical_id == b.state.id;
        same || alias || self.merges.contains(&(a.customer, b.customer))
    }

    /// The people of each customer, by the customer that stands for them.
    pub fn sets(&self) -> BTreeMap<Uuid, Vec<&Person>> {
        let mut label: Vec<usize> = (0..self.people.len()).collect();
        loop {
            let before = label.clone();
            for (one, a) in self.people.iter().enumerate() {
                for (other, b) in self.people.iter().enumerate() {
                    if self.linked(a, b) {
                        let smaller = label[one].min(label[other]);
                        (label[one], label[other]) = (smaller, smaller);
                    }
                }
            }
            if before == label {
                break;
            }
        }
        let mut parts: BTreeMap<usize, Vec<&Person>> = BTreeMap::new();
        for (person, label) in self.people.iter().zip(label) {
            parts.entry(label).or_default().push(person);
        }
        parts.into_values().map(|set| (self.stands_for(&set), set)).collect()
    }

    fn stands_for(&self, set: &[&Person]) -> Uuid {
        let customers: BTreeSet<Uuid> = set.iter().map(|person| person.customer).collect();
        let chosen = self.merges.iter().rev().find(|(survivor, _)| customers.contains(survivor));
        let age = |person: &&&Person| (person.state.create_time.unwrap().seconds, person.customer);
        chosen.map_or_else(|| set.iter().min_by_key(age).unwrap().customer, |(survivor, _)| *survivor)
    }

    /// The customer that stands for one.
    pub fn root(&self, customer: Uuid) -> Uuid {
        let of = |set: &Vec<&Person>| set.iter().any(|person| person.customer == customer);
        self.sets().into_iter().find(|(_, set)| of(set)).unwrap().0
    }
}
