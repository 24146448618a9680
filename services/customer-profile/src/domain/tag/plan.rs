use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{MOST_OF_CUSTOMER, count_again};
use crate::domain::model::Key;
use crate::domain::{Change, Core, tell};
use crate::store;
use crate::store::carried::Carried;

/// What is written to the rows of a customer that stands for itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub customer_id: Uuid,
    put: Vec<Carried>,
    take: Vec<(Uuid, Uuid)>,
    /// The tags that it carries afterwards, each as the one that it stands for.
    pub carried: BTreeSet<Uuid>,
    grows: bool,
}

impl Plan {
    /// A tag that another customer of the merged set carries is taken off by a mark on the survivor, its own by
    /// removing the row: so a merge can be undone. `rows` are those of the whole set. What was put on before tags became
    /// one is carried as long as one of these is, and taken off under all of their ids.
    pub fn of(
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
        let mut carried: BTreeSet<Uuid> =
            newest.values().filter(|row| row.carried).map(|row| row.meant_id).collect();
        // Later than every row that it must win over, also where clocks of two replicas disagree.
        let decide = |tag_id: Uuid, meant_id: Uuid, carried: bool| {
            let after =
                newest.get(&tag_id).map_or(now, |row| now.max(row.changed_at + TimeDelta::microseconds(1)));
            Carried { customer_id: root, tag_id, meant_id, carried, changed_at: after }
        };
        let (mut put, mut take) = (Vec::new(), Vec::new());
        for tag in put_on.difference(&carried) {
            put.push(decide(*tag, *tag, true));
        }
        let grows = !put.is_empty();
        for row in newest.values().filter(|row| row.carried && taken_off.contains(&row.meant_id)) {
            if rows.iter().any(|other| other.tag_id == row.tag_id && other.customer_id != root) {
                put.push(decide(row.tag_id, row.meant_id, false));
            } else {
                take.push((root, row.tag_id));
            }
        }
        carried.extend(put_on);
        carried.retain(|tag| !taken_off.contains(tag));
        Self { customer_id: root, put, take, carried, grows }
    }

    /// It would put on more than a customer may carry.
    pub fn is_too_much(&self) -> bool {
        self.grows && self.carried.len() > MOST_OF_CUSTOMER
    }

    /// The rows to write.
    pub fn put(&self) -> &[Carried] {
        &self.put
    }

    fn changes(&self) -> bool {
        !self.put.is_empty() || !self.take.is_empty()
    }
}

/// Writes plans of locked customers, with as many statements for many as for one. Answers the last change; `None` when
/// everything was so already.
pub async fn carry_out(
    connection: &mut Connection,
    core: &Core,
    tenant: Uuid,
    plans: &[Plan],
) -> Result<Option<Change>> {
    let changed: BTreeSet<Key> =
        plans.iter().filter(|plan| plan.changes()).map(|plan| (tenant, plan.customer_id)).collect();
    if changed.is_empty() {
        return Ok(None);
    }
    let put: Vec<Carried> = plans.iter().flat_map(|plan| plan.put.iter().copied()).collect();
    let take: Vec<(Uuid, Uuid)> = plans.iter().flat_map(|plan| plan.take.iter().copied()).collect();
    store::carried::put(connection, tenant, &put).await?;
    store::carried::take(connection, tenant, &take).await?;
    let versions = store::customer::touch(connection, &changed, true).await?;
    let change = tell(connection, &core.ambient, &versions).await?;
    count_again(connection, &changed).await?;
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Uuid = Uuid::from_u128(1);
    const MERGED: Uuid = Uuid::from_u128(2);
    const TAG: Uuid = Uuid::from_u128(9);
    /// Became [`TAG`].
    const BEFORE: Uuid = Uuid::from_u128(8);

    fn of_tag(customer_id: Uuid, tag_id: Uuid, carried: bool, micros: i64) -> Carried {
        let changed_at = DateTime::from_timestamp_micros(micros).unwrap();
        Carried { customer_id, tag_id, meant_id: TAG, carried, changed_at }
    }

    fn row(customer_id: Uuid, carried: bool, micros: i64) -> Carried {
        of_tag(customer_id, TAG, carried, micros)
    }

    fn plan(rows: &[Carried], put_on: &[Uuid], taken_off: &[Uuid]) -> Plan {
        let now = DateTime::from_timestamp_micros(10).unwrap();
        Plan::of(ROOT, rows, &put_on.iter().copied().collect(), &taken_off.iter().copied().collect(), now)
    }

    #[test]
    fn its_own_tag_goes_and_a_merged_ones_is_marked() {
        let own = plan(&[row(ROOT, true, 1)], &[], &[TAG]);
        assert_eq!((own.put.len(), own.take, own.carried.len()), (0, vec![(ROOT, TAG)], 0));
        let merged = plan(&[row(MERGED, true, 20)], &[], &[TAG]);
        assert_eq!((merged.put, merged.carried.len()), (vec![row(ROOT, false, 21)], 0));
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let on = plan(&[row(MERGED, true, 1)], &[TAG], &[]);
        assert_eq!((on.changes(), on.carried.len(), on.grows), (false, 1, false));
        let off = plan(&[row(MERGED, true, 1), row(ROOT, false, 2)], &[], &[TAG]);
        assert_eq!((off.changes(), off.carried.len()), (false, 0));
    }

    #[test]
    fn a_tag_that_was_taken_off_can_be_put_on_again() {
        let again = plan(&[row(MERGED, true, 1), row(ROOT, false, 2)], &[TAG], &[]);
        assert_eq!((again.put, again.carried.len(), again.grows), (vec![row(ROOT, true, 10)], 1, true));
    }

    #[test]
    fn a_tag_that_became_another_is_carried_as_it_and_goes_under_every_id() {
        let before = of_tag(ROOT, BEFORE, true, 1);
        let on = plan(&[before], &[TAG], &[]);
        assert_eq!((on.changes(), on.carried), (false, BTreeSet::from([TAG])));
        let off = plan(&[before, of_tag(MERGED, TAG, true, 2)], &[], &[TAG]);
        assert_eq!((off.put, off.take), (vec![row(ROOT, false, 10)], vec![(ROOT, BEFORE)]));
        // One of the two was taken off before they became one: the other is still carried.
        let other = plan(
            &[of_tag(MERGED, BEFORE, true, 1), of_tag(ROOT, BEFORE, false, 2), row(MERGED, true, 0)],
            &[],
            &[],
        );
        assert_eq!(other.carried, BTreeSet::from([TAG]));
    }
}
