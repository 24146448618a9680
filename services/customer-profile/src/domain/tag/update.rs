use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::TagName;
use crate::domain::model::{Key, Profile, Tag};
use crate::domain::profile::{lock, show};
use crate::domain::scope::Scope;
use crate::domain::{Change, Core, tell};
use crate::store;
use crate::store::tag::Carried;

/// Tags that a tenant may have.
pub const MOST_OF_TENANT: i32 = 2_000;
/// Tags that a customer may carry.
const MOST_OF_CUSTOMER: usize = 50;

/// Tags to put on and to take off.
#[derive(Debug, Clone)]
pub struct UpdateTags {
    pub request: request_log::Request,
    pub customer_id: Uuid,
    /// No name stands in both.
    pub add: Vec<TagName>,
    pub remove: Vec<TagName>,
}

/// The customer with its tags.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tagged {
    pub customer: Profile,
    pub tags: Vec<Tag>,
    /// `None` when everything was so already.
    pub change: Option<Change>,
}

/// Puts tags on and takes them off; a tag is created on its first use.
///
/// # Errors
/// `NOT_FOUND`, `LIMIT_REACHED`, `REQUEST_ID_REUSED`.
pub async fn update(core: &Core, update: UpdateTags, scope: &Scope) -> Result<Tagged> {
    let (tenant, now) = (update.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &update.request, now).await? {
        return Ok(first);
    }
    let root = lock(&mut tx, (tenant, update.customer_id), scope).await?.key;
    let members = store::customer::members(&mut tx, root).await?;
    let rows = store::tag::of_customers(&mut tx, tenant, &members).await?;
    let put_on = known_or_created(core, &mut tx, tenant, &update.add).await?;
    let keys: Vec<String> = update.remove.iter().map(|name| name.key.clone()).collect();
    let taken_off = store::tag::by_keys(&mut tx, tenant, &keys).await?.into_values().collect();
    let plan = Plan::of(root.1, &rows, &put_on, &taken_off, now);
    if plan.grows && plan.carried > MOST_OF_CUSTOMER {
        return Err(limit("a customer carries at most 50 tags", MOST_OF_CUSTOMER));
    }
    let change = carry_out(core, &mut tx, root, &plan).await?;
    let customer = show(&mut tx, root).await?;
    let tags = store::tag::by_ids(&mut tx, tenant, &customer.tag_ids).await?;
    let tagged = Tagged { customer, tags, change };
    request_log::record(&mut tx, &update.request, &tagged).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(tagged)
}

async fn carry_out(core: &Core, tx: &mut Connection, root: Key, plan: &Plan) -> Result<Option<Change>> {
    if plan.put.is_empty() && plan.take.is_empty() {
        return Ok(None);
    }
    store::tag::put(tx, root, &plan.put).await?;
    store::tag::take(tx, root, &plan.take).await?;
    let version = store::customer::touch(tx, root, true).await?;
    tell(tx, &core.ambient, &[(root, version)]).await
}

/// The ids of tags by their names, those that nobody used before created with the case that they came in.
async fn known_or_created(
    core: &Core,
    connection: &mut Connection,
    tenant: Uuid,
    names: &[TagName],
) -> Result<BTreeSet<Uuid>> {
    let keys: Vec<String> = names.iter().map(|name| name.key.clone()).collect();
    let mut known = store::tag::by_keys(connection, tenant, &keys).await?;
    if names.iter().any(|name| !known.contains_key(&name.key)) {
        let number = store::tag::lock_number(connection, tenant).await?;
        // Again under the lock: another may have created them meanwhile.
        known = store::tag::by_keys(connection, tenant, &keys).await?;
        let mut new = BTreeMap::new();
        for name in names.iter().filter(|name| !known.contains_key(&name.key)) {
            new.entry(name.key.clone())
                .or_insert_with(|| (core.ambient.id(), name.name.clone(), name.key.clone()));
        }
        let new: Vec<_> = new.into_values().collect();
        if i64::from(number) + new.len() as i64 > i64::from(MOST_OF_TENANT) {
            return Err(limit("a tenant has at most 2,000 tags", MOST_OF_TENANT));
        }
        store::tag::create(connection, tenant, &new, core.ambient.now()).await?;
        known.extend(new.into_iter().map(|(id, _, key)| (key, id)));
    }
    Ok(known.into_values().collect())
}

fn limit(message: &str, most: impl ToString) -> tandem_database::Error {
    Fault::new(Reason::LimitReached, message).with("limit", most).into()
}

/// What is written to the survivor's rows.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    put: Vec<Carried>,
    take: Vec<Uuid>,
    /// How many tags it carries afterwards.
    carried: usize,
    grows: bool,
}

impl Plan {
    /// A tag that another customer of the merged set carries is taken off by a mark on the survivor, its own by
    /// removing the row: so a merge can be undone.
    fn of(
        root: Uuid,
        rows: &[Carried],
        put_on: &BTreeSet<Uuid>,
        taken_off: &BTreeSet<Uuid>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut newest: BTreeMap<Uuid, Carried> = BTreeMap::new();
        for row in rows {
            let first = newest.entry(row.tag_id).or_insert(*row);
            if (row.changed_at, row.carried) > (first.changed_at, first.carried) {
                *first = *row;
            }
        }
        let carries = |tag: &Uuid| newest.get(tag).is_some_and(|row| row.carried);
        // Later than every row that it must win over, also where clocks of two replicas disagree.
        let decide = |tag: Uuid, carried: bool| {
            let after =
                newest.get(&tag).map_or(now, |row| now.max(row.changed_at + TimeDelta::microseconds(1)));
            Carried { customer_id: root, tag_id: tag, carried, changed_at: after }
        };
        let mut plan = Self { put: Vec::new(), take: Vec::new(), carried: 0, grows: false };
        for tag in put_on.iter().filter(|tag| !carries(tag)) {
            plan.put.push(decide(*tag, true));
            plan.grows = true;
        }
        let added = plan.put.len();
        let mut removed = 0;
        for tag in taken_off.iter().filter(|tag| carries(tag)) {
            removed += 1;
            if rows.iter().any(|row| row.tag_id == *tag && row.customer_id != root) {
                plan.put.push(decide(*tag, false));
            } else {
                plan.take.push(*tag);
            }
        }
        plan.carried = newest.values().filter(|row| row.carried).count() + added - removed;
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Uuid = Uuid::from_u128(1);
    const MERGED: Uuid = Uuid::from_u128(2);
    const TAG: Uuid = Uuid::from_u128(9);

    fn row(customer_id: Uuid, carried: bool, micros: i64) -> Carried {
        let changed_at = DateTime::from_timestamp_micros(micros).unwrap();
        Carried { customer_id, tag_id: TAG, carried, changed_at }
    }

    fn plan(rows: &[Carried], put_on: &[Uuid], taken_off: &[Uuid]) -> Plan {
        let now = DateTime::from_timestamp_micros(10).unwrap();
        Plan::of(ROOT, rows, &put_on.iter().copied().collect(), &taken_off.iter().copied().collect(), now)
    }

    #[test]
    fn its_own_tag_goes_and_a_merged_ones_is_marked() {
        let own = plan(&[row(ROOT, true, 1)], &[], &[TAG]);
        assert_eq!((own.put.len(), own.take, own.carried), (0, vec![TAG], 0));
        let merged = plan(&[row(MERGED, true, 20)], &[], &[TAG]);
        assert_eq!((merged.put, merged.carried), (vec![row(ROOT, false, 21)], 0));
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let on = plan(&[row(MERGED, true, 1)], &[TAG], &[]);
        assert_eq!((on.put.len(), on.carried, on.grows), (0, 1, false));
        let off = plan(&[row(MERGED, true, 1), row(ROOT, false, 2)], &[], &[TAG]);
        assert_eq!((off.put.len(), off.take.len(), off.carried), (0, 0, 0));
    }

    #[test]
    fn a_tag_that_was_taken_off_can_be_put_on_again() {
        let again = plan(&[row(MERGED, true, 1), row(ROOT, false, 2)], &[TAG], &[]);
        assert_eq!((again.put, again.carried, again.grows), (vec![row(ROOT, true, 10)], 1, true));
    }
}
