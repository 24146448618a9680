use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::TagName;
use super::names::Names;
use super::plan::{Plan, carry_out};
use crate::domain::merge::hold;
use crate::domain::model::Key;
use crate::domain::scope::Scope;
use crate::domain::{Change, Core};
use crate::store;
use crate::store::carried::Carried;

/// Tags to put on many customers and to take off.
#[derive(Debug, Clone)]
pub struct BulkUpdate {
    pub request: request_log::Request,
    pub customer_ids: Vec<Uuid>,
    /// No name stands in both.
    pub add: Vec<TagName>,
    pub remove: Vec<TagName>,
}

/// What became of all, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    pub outcomes: Vec<Outcome>,
    /// `None` when everything was so already.
    pub change: Option<Change>,
}

/// What became of one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Who stands for it, with all of its tags.
    Tagged {
        customer_id: Uuid,
        tag_ids: Vec<Uuid>,
    },
    NotFound,
    /// It would carry more than 50.
    TooMany,
    Erased,
}

/// Puts tags on many customers and takes them off; each is changed or refused alone. As many statements for many as for one.
///
/// # Errors
/// `LIMIT_REACHED` for the tenant's tags, `REQUEST_ID_REUSED`.
pub async fn bulk_update(core: &Core, update: BulkUpdate, scope: &Scope) -> Result<Done> {
    let (tenant, now) = (update.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &update.request, now).await? {
        return Ok(first);
    }
    // Which customers are one stands still from here on, and no other transaction locks several of them.
    hold(&mut tx, &[tenant].into()).await?;
    let found = store::customer::resolve_all(&mut tx, tenant, &update.customer_ids).await?;
    let roots: BTreeMap<Uuid, Uuid> = found
        .into_iter()
        .filter(|(_, _, channels)| scope.finds(channels))
        .map(|(asked, root, _)| (asked, root))
        .collect();
    let keys: BTreeSet<Key> = roots.values().map(|root| (tenant, *root)).collect();
    let locked = store::customer::lock(&mut tx, &keys).await?;
    let (erased, living): (Vec<_>, Vec<_>) = locked.into_iter().partition(|customer| customer.erased);
    let keys: BTreeSet<Key> = living.into_iter().map(|customer| customer.key).collect();
    let members = store::customer::members_of(&mut tx, &keys).await?;
    let all: Vec<Uuid> = members.keys().copied().collect();
    let mut rows: BTreeMap<Uuid, Vec<Carried>> = BTreeMap::new();
    for row in store::carried::of_customers(&mut tx, tenant, &all).await? {
        rows.entry(members[&row.customer_id]).or_default().push(row);
    }
    let names = Names::read(&mut tx, core, tenant, &update.add, &update.remove).await?;
    let plan_of = |(_, root): &Key| {
        let rows = rows.get(root).map_or(&[][..], Vec::as_slice);
        Plan::of(*root, rows, &names.put_on, &names.taken_off, now)
    };
    let (too_much, plans): (Vec<Plan>, Vec<Plan>) = keys.iter().map(plan_of).partition(Plan::is_too_much);
    // Nobody would carry them otherwise.
    if !plans.is_empty() {
        names.create(&mut tx, core, tenant).await?;
    }
    let change = carry_out(&mut tx, core, tenant, &plans).await?;
    let mut of_root: BTreeMap<Uuid, Outcome> =
        too_much.iter().map(|plan| (plan.customer_id, Outcome::TooMany)).collect();
    of_root.extend(erased.iter().map(|customer| (customer.key.1, Outcome::Erased)));
    of_root.extend(plans.into_iter().map(|plan| {
        let tag_ids = plan.carried.into_iter().collect();
        (plan.customer_id, Outcome::Tagged { customer_id: plan.customer_id, tag_ids })
    }));
    let outcome = |asked: &Uuid| {
        roots.get(asked).and_then(|root| of_root.get(root)).cloned().unwrap_or(Outcome::NotFound)
    };
    let done = Done { outcomes: update.customer_ids.iter().map(outcome).collect(), change };
    request_log::record(&mut tx, &update.request, &done).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(done)
}
