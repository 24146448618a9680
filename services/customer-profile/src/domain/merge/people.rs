use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::settle::surroundings;
use super::{Merge, hold, settle};
use crate::domain::erasure::{erased, record};
use crate::domain::model::{Key, Profile};
use crate::domain::profile::{find, show};
use crate::domain::scope::Scope;
use crate::domain::{Change, Core};
use crate::store;

/// Contacts, and customers, that people may make one: as many contacts as a customer shows, so that the history of
/// whoever was merged is whole.
const MOST: usize = 100;

/// Two customers that are one person.
#[derive(Debug, Clone)]
pub struct MergeCustomers {
    pub request: request_log::Request,
    pub survivor_id: Uuid,
    pub merged_id: Uuid,
    pub by_subject: String,
}

/// The merged customers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Merged {
    pub customer: Profile,
    pub merge: Merge,
    pub change: Option<Change>,
}

/// Makes two customers one.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_MERGED`, `ERASED`, `LIMIT_REACHED`, `REQUEST_ID_REUSED`.
pub async fn merge(core: &Core, asked: MergeCustomers, scope: &Scope) -> Result<Merged> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, now).await? {
        return Ok(first);
    }
    hold(&mut tx, &[tenant].into()).await?;
    let survivor = (tenant, find(&mut tx, (tenant, asked.survivor_id), scope).await?);
    let merged = (tenant, find(&mut tx, (tenant, asked.merged_id), scope).await?);
    if survivor == merged {
        return Err(already_merged(survivor).into());
    }
    let both = BTreeSet::from([survivor, merged]);
    let around = surroundings(&mut tx, &both).await?;
    lock_within_limits(&mut tx, &around).await?;
    // Later than every merge that it must win over, also where the clocks of two replicas disagree.
    let newest = store::merge::links(&mut tx, &around).await?.into_iter().map(|link| link.merged_at).max();
    let merge = Merge {
        id: core.ambient.id_at(now),
        survivor_id: survivor.1,
        merged_id: merged.1,
        by_subject: asked.by_subject,
        merged_at: newest.map_or(now, |newest| now.max(newest + TimeDelta::microseconds(1))),
        undone: None,
    };
    store::merge::insert(&mut tx, tenant, &merge).await?;
    store::customer::edited(&mut tx, &both).await?;
    let change = settle(&mut tx, &core.ambient, &both).await?;
    let merged = Merged { customer: show(&mut tx, survivor).await?, merge, change };
    record(&mut tx, &asked.request, &merged, &merged.customer.customer_ids()).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(merged)
}

async fn lock_within_limits(connection: &mut Connection, around: &BTreeSet<Key>) -> Result<()> {
    let customers = store::customer::lock(connection, around).await?;
    if customers.iter().any(|customer| customer.erased) {
        return Err(erased().into());
    }
    let contacts = store::contact::of_customers(connection, around).await?;
    if customers.len().max(contacts.len()) > MOST {
        let fault = Fault::new(Reason::LimitReached, "a merged customer has at most 100 contacts");
        return Err(fault.with("limit", MOST).into());
    }
    Ok(())
}

/// Two ids that stand for one customer.
pub fn already_merged(customer: Key) -> Fault {
    Fault::new(Reason::AlreadyMerged, "the two customers are one").with("customer_id", customer.1)
}
