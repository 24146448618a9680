//! How often conversations with a label are owed an update. Goals name labels as people do; a merged label's goal holds for
//! the one that stays.

use std::collections::HashMap;

use chrono::TimeDelta;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::Goals;
use crate::domain::label::folded;
use crate::store;

/// Seconds between two updates, by the label that asks for them.
#[derive(Debug, Default)]
pub struct Updates(HashMap<Uuid, i64>);

impl Updates {
    pub async fn read(connection: &mut Connection, tenant_id: Uuid, goals: &Goals) -> Result<Self> {
        let every: HashMap<String, i64> =
            goals.labels.iter().map(|goal| (folded(&goal.label), goal.every)).collect();
        if every.is_empty() {
            return Ok(Self::default());
        }
        let names: Vec<String> = every.keys().cloned().collect();
        let mut updates = HashMap::new();
        for named in store::label::by_folded(connection, tenant_id, &names).await? {
            let seconds = every[&named.folded];
            let shortest = updates.entry(named.label_id).or_insert(seconds);
            *shortest = seconds.min(*shortest);
        }
        Ok(Self(updates))
    }

    pub fn asked_by(&self, label_id: Uuid) -> bool {
        self.0.contains_key(&label_id)
    }

    /// The shortest time that one of these labels asks for.
    pub(super) fn every(&self, label_ids: &[Uuid]) -> Option<TimeDelta> {
        let seconds = label_ids.iter().filter_map(|id| self.0.get(id)).min()?;
        Some(TimeDelta::seconds(*seconds))
    }
}
