use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Record, Text};
use crate::domain::address::{Address, EMAIL, PHONE};
use crate::domain::tag::TagName;

/// By field, a hash of what an import said. A tag is a field of its own.
pub type Said = BTreeMap<String, String>;

/// What a customer's merged set says, by whomever: the word of who stands for it, else of those merged into it, by id. An empty
/// value was taken back.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub texts: BTreeMap<Text, String>,
    pub attributes: BTreeMap<Uuid, String>,
}

/// What a record changes.
#[derive(Debug, Default)]
pub struct Plan {
    pub texts: BTreeMap<Text, String>,
    pub attributes: BTreeMap<Uuid, String>,
    pub tags: Vec<TagName>,
    /// By kind, all that the record has of it.
    pub addresses: BTreeMap<i16, Vec<Address>>,
    pub kept: Vec<String>,
    /// To be kept for the next import.
    pub said: Said,
}

impl Plan {
    /// `attributes` are the record's values by definition, with the keys that they have.
    pub fn of(
        record: &Record,
        attributes: &BTreeMap<Uuid, (String, String)>,
        before: Option<&Said>,
        state: &State,
    ) -> Self {
        let mut plan = Self { said: before.cloned().unwrap_or_default(), ..Self::default() };
        for (text, value) in &record.texts {
            if plan.says(text.as_str(), text.as_str(), value, state.texts.get(text)) {
                plan.texts.insert(*text, value.clone());
            }
        }
        for (id, (key, value)) in attributes {
            let (field, shown) = (format!("attributes.{id}"), format!("attributes.{key}"));
            if plan.says(&field, &shown, value, state.attributes.get(id)) {
                plan.attributes.insert(*id, value.clone());
            }
        }
        for tag in &record.tags {
            if plan.said.insert(tag_field(tag), String::new()).is_none() {
                plan.tags.push(tag.clone());
            }
        }
        for (kind, field) in [(PHONE, "phones"), (EMAIL, "emails")] {
            let of_kind = record.addresses.iter().filter(|address| address.kind == kind);
            let listed: Vec<Address> = of_kind.cloned().collect();
            let sent: Vec<&str> = listed.iter().map(|address| address.sent.as_str()).collect();
            let mark = mark(&sent.join("\n"));
            if !listed.is_empty() && plan.said.insert(field.to_owned(), mark.clone()) != Some(mark) {
                plan.addresses.insert(kind, listed);
            }
        }
        plan
    }

    /// Notes what a record says of a field. Answers whether it is to be written.
    fn says(&mut self, field: &str, shown: &str, value: &str, present: Option<&String>) -> bool {
        let mark = mark(value);
        let before = self.said.insert(field.to_owned(), mark.clone());
        if before.as_ref() == Some(&mark) {
            return false;
        }
        let Some(present) = present else { return true };
        let is_ours = before.is_some_and(|before| before == self::mark(present));
        if !is_ours && present != value {
            self.kept.push(shown.to_owned());
        }
        is_ours && present != value
    }

    /// Whether more than tags is to be written.
    pub fn changes(&self) -> bool {
        !(self.texts.is_empty() && self.attributes.is_empty() && self.addresses.is_empty())
    }
}

/// The field that a tag is.
pub fn tag_field(tag: &TagName) -> String {
    format!("tags.{}", mark(&tag.key))
}

/// What a value is compared by: no word of a person stands in what is kept.
fn mark(value: &str) -> String {
    Sha256::digest(value).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(company: &str, tags: &[&str], phone: &str) -> Record {
        let phone = Address { kind: PHONE, key: phone.into(), sent: phone.into(), verified: false };
        Record {
            texts: [(Text::Company, company.to_owned())].into(),
            tags: tags.iter().map(|name| TagName::parse(name).unwrap()).collect(),
            addresses: vec![phone],
            ..Record::default()
        }
    }

    fn state(company: &str) -> State {
        State { texts: [(Text::Company, company.to_owned())].into(), ..State::default() }
    }

    fn plan(record: &Record, before: Option<&Said>, state: &State) -> Plan {
        Plan::of(record, &BTreeMap::new(), before, state)
    }

    #[test]
    fn the_same_record_changes_nothing_whatever_people_did() {
        let first = plan(&record("Acme", &["VIP"], "+1"), None, &State::default());
        assert_eq!((first.texts.len(), first.tags.len(), first.addresses.len()), (1, 1, 1));
        for present in [state("Acme"), state("Other"), state(""), State::default()] {
            let again = plan(&record("Acme", &["vip"], "+1"), Some(&first.said), &present);
            assert!(!again.changes() && again.tags.is_empty() && again.kept.is_empty());
            assert_eq!(again.said, first.said);
        }
    }

    #[test]
    fn a_new_word_replaces_the_imports_own_and_never_the_peoples() {
        let first = plan(&record("Acme", &[], "+1"), None, &State::default());
        let newer = |present: &State| plan(&record("Acme Ltd", &["New"], "+2"), Some(&first.said), present);
        assert_eq!(newer(&state("Acme")).texts[&Text::Company], "Acme Ltd");
        let kept = newer(&state("Corrected"));
        assert_eq!((kept.texts.len(), kept.kept), (0, vec!["company".to_owned()]));
        assert_eq!((kept.tags.len(), kept.addresses.len()), (1, 1));
        assert_eq!(newer(&state("")).kept, ["company"]);
        // What people already said so is no news.
        let same = newer(&state("Acme Ltd"));
        assert!(same.texts.is_empty() && same.kept.is_empty());
        // Kept once, it is not told again.
        let again = plan(&record("Acme Ltd", &[], "+2"), Some(&kept.said), &state("Corrected"));
        assert!(!again.changes() && again.kept.is_empty());
    }

    #[test]
    fn what_is_kept_has_no_word_of_a_person() {
        let said =
            plan(&record("Secret Company", &["Secret tag"], "+15550100"), None, &State::default()).said;
        let text = format!("{said:?}");
        assert!(!text.contains("ecret") && !text.contains("5550100"), "{text}");
    }
}
