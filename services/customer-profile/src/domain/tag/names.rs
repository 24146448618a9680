use std::collections::{BTreeMap, BTreeSet};

use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{MOST_OF_TENANT, TagName, limit};
use crate::domain::Core;
use crate::store;

/// What names to put on and to take off mean.
#[derive(Debug, Default)]
pub struct Names {
    pub put_on: BTreeSet<Uuid>,
    pub taken_off: BTreeSet<Uuid>,
    /// By key, those that there were.
    known: BTreeMap<String, Uuid>,
    /// Those of `put_on` that nobody used before: id, name in the case that it came in, key. Not created yet.
    new: Vec<(Uuid, String, String)>,
    /// How many tags the tenant has, where there are new ones.
    present: i32,
}

impl Names {
    /// Reads what names mean. Where some are new, who creates tags comes one after the other from here on.
    pub async fn read(
        connection: &mut Connection,
        core: &Core,
        tenant: Uuid,
        add: &[TagName],
        remove: &[TagName],
    ) -> Result<Self> {
        let mut names = Self::default();
        let mut keys: Vec<String> = add.iter().chain(remove).map(|name| name.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut known = store::tag::by_keys(connection, tenant, &keys).await?;
        if add.iter().any(|name| !known.contains_key(&name.key)) {
            names.present = store::tag::lock_number(connection, tenant).await?;
            // Again under the lock: another may have created them meanwhile.
            known = store::tag::by_keys(connection, tenant, &keys).await?;
            let mut new: BTreeMap<&str, (Uuid, String, String)> = BTreeMap::new();
            for name in add.iter().filter(|name| !known.contains_key(&name.key)) {
                new.entry(&name.key)
                    .or_insert_with(|| (core.ambient.id(), name.name.clone(), name.key.clone()));
            }
            names.new = new.into_values().collect();
        }
        let ids =
            |wanted: &[TagName]| wanted.iter().filter_map(|name| known.get(&name.key).copied()).collect();
        names.put_on = ids(add);
        names.taken_off = ids(remove);
        names.put_on.extend(names.new.iter().map(|(id, _, _)| *id));
        names.known = known;
        Ok(names)
    }

    /// The tag that a name means.
    pub fn id(&self, name: &TagName) -> Option<Uuid> {
        let new = self.new.iter().find(|(.., key)| *key == name.key).map(|(id, ..)| *id);
        self.known.get(&name.key).copied().or(new)
    }

    /// Creates no others than these.
    pub fn keep(&mut self, used: &BTreeSet<Uuid>) {
        self.new.retain(|(id, ..)| used.contains(id));
    }

    /// Creates the new ones.
    ///
    /// # Errors
    /// `LIMIT_REACHED`.
    pub async fn create(&self, connection: &mut Connection, core: &Core, tenant: Uuid) -> Result<()> {
        if self.new.is_empty() {
            return Ok(());
        }
        if i64::from(self.present) + self.new.len() as i64 > i64::from(MOST_OF_TENANT) {
            return Err(limit("a tenant has at most 2,000 tags", MOST_OF_TENANT).into());
        }
        store::tag::create(connection, tenant, &self.new, core.ambient.now()).await
    }
}
