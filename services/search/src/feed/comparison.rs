use std::collections::HashMap;

use serde_json::Value;
use tandem_change_feed::Change;
use uuid::Uuid;

use super::source::Source;

/// What the documents of one page of a snapshot should be, by their ids: none for an entity that has no document.
pub struct Comparison {
    expected: HashMap<String, Option<Value>>,
    tenants: HashMap<String, Uuid>,
    /// The ids in the order of the page.
    order: Vec<String>,
}

/// What a page showed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub documents: i64,
    pub missing: i64,
    pub different: i64,
    pub surplus: i64,
    pub set_aside: i64,
    pub unsettled: i64,
    pub examples: Vec<String>,
    /// How many documents of the page are in the index, by tenant, in the order of the page.
    pub there: Vec<(Uuid, i64)>,
}

impl Comparison {
    /// Of what the source makes of a page.
    pub fn new(source: &Source, changes: &[Change]) -> Self {
        let edits = (source.edits)(changes);
        let mut expected = HashMap::new();
        for document in edits.puts {
            expected.insert(document.id, serde_json::from_str(document.json.get()).ok().map(source.told));
        }
        expected.extend(edits.removals.into_iter().map(|id| (id, None)));
        // Ids begin with the tenant, as pages are ordered.
        let mut order: Vec<String> = expected.keys().cloned().collect();
        order.sort_unstable();
        Self { expected, tenants: edits.tenants, order }
    }

    pub fn ids(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).collect()
    }

    /// Those that the index does not have as they should be.
    pub fn wrong(&self, there: &HashMap<String, Value>) -> Vec<String> {
        let wrong = |id: &&String| self.expected[*id].as_ref() != there.get(*id);
        self.order.iter().filter(wrong).cloned().collect()
    }

    /// Whether a document should be here what it should have been there.
    pub fn same(&self, other: &Self, id: &str) -> bool {
        self.expected.get(id).is_some_and(|here| Some(here) == other.expected.get(id))
    }

    /// The tenants and ids of documents.
    pub fn whose(&self, ids: &[String]) -> (Vec<Uuid>, Vec<String>) {
        ids.iter().filter_map(|id| Some((*self.tenants.get(id)?, id.clone()))).unzip()
    }

    /// Sums a page up: what is surely wrong, what changes too often, and what was set aside.
    pub fn found(
        &self,
        there: &HashMap<String, Value>,
        wrong: &[String],
        changing: &[String],
        set_aside: &[String],
    ) -> Found {
        let mut found = Found { unsettled: count(changing.len()), ..Found::default() };
        found.documents = count(self.expected.values().filter(|document| document.is_some()).count());
        for id in wrong {
            let (number, what) = match (&self.expected[id], there.get(id)) {
                (None, _) => (&mut found.surplus, "too many"),
                (Some(_), Some(_)) => (&mut found.different, "different"),
                (Some(_), None) if set_aside.contains(id) => (&mut found.set_aside, "set aside"),
                (Some(_), None) => (&mut found.missing, "missing"),
            };
            *number += 1;
            if what != "set aside" {
                found.examples.push(format!("{what}: {id}"));
            }
        }
        for id in &self.order {
            let Some(tenant) = self.tenants.get(id) else { continue };
            if found.there.last().is_none_or(|(last, _)| last != tenant) {
                found.there.push((*tenant, 0));
            }
            if let Some((_, number)) = found.there.last_mut() {
                *number += i64::from(there.contains_key(id));
            }
        }
        found
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
