use std::collections::BTreeMap;

use tandem_fault::Violations;
use uuid::Uuid;

use super::Definition;

/// What people want a customer's attributes to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Those that are not given are taken off.
    pub all: bool,
    /// By key; an empty value is taken off.
    pub given: BTreeMap<String, String>,
}

impl Wish {
    pub fn is_empty(&self) -> bool {
        !self.all && self.given.is_empty()
    }

    /// The values by definition, in the form of their types; `None` is taken off. Every wrong one is named at once, as one
    /// under `path`.
    pub fn read(
        &self,
        path: &str,
        definitions: &[Definition],
        violations: &mut Violations,
    ) -> BTreeMap<Uuid, Option<String>> {
        let by_key: BTreeMap<&str, &Definition> =
            definitions.iter().map(|definition| (definition.key.as_str(), definition)).collect();
        let mut values = BTreeMap::new();
        if self.all {
            values.extend(definitions.iter().map(|definition| (definition.id, None)));
        }
        for (key, text) in &self.given {
            // An answer does not grow with a key that could be none.
            let field = || format!("{path}.{}", key.chars().take(64).collect::<String>());
            let Some(definition) = by_key.get(key.as_str()) else {
                violations.add(field(), "must be the key of an attribute that is defined");
                continue;
            };
            if text.trim().is_empty() {
                values.insert(definition.id, None);
            } else if let Some(value) = violations.take(&field(), definition.read(text)) {
                values.insert(definition.id, Some(value));
            }
        }
        values
    }
}
