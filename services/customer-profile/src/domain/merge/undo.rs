use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::settle::surroundings;
use super::{Merge, hold, settle};
use crate::domain::erasure::{erased, record};
use crate::domain::model::Profile;
use crate::domain::profile::{find, show};
use crate::domain::scope::Scope;
use crate::domain::{Change, Core};
use crate::store;

/// A merge to take back.
#[derive(Debug, Clone)]
pub struct Undo {
    pub request: request_log::Request,
    pub merge_id: Uuid,
    pub by_subject: String,
}

/// The customers after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Undone {
    pub merge: Merge,
    pub survivor: Profile,
    pub merged: Profile,
    pub change: Option<Change>,
}

/// Takes a merge back: its link is gone, and the customers are parted as the links that remain say.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_UNDONE`, `ERASED`, `REQUEST_ID_REUSED`.
pub async fn undo(core: &Core, asked: Undo, scope: &Scope) -> Result<Undone> {
    let (tenant, now) = (asked.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, now).await? {
        return Ok(first);
    }
    hold(&mut tx, &[tenant].into()).await?;
    let merge = store::merge::find(&mut tx, (tenant, asked.merge_id)).await?;
    let mut merge = merge.ok_or_else(|| Fault::not_found("merge"))?;
    let (survivor, merged) = ((tenant, merge.survivor_id), (tenant, merge.merged_id));
    let both = BTreeSet::from([survivor, merged]);
    let mut touched = both.clone();
    for end in [survivor, merged] {
        let (root, channels) = store::customer::resolve(&mut tx, end).await?.unwrap_or_default();
        // Who stood for the two until now says something else afterwards.
        touched.insert((tenant, root));
        // Who may not see one of the two knows of no merge.
        if !scope.finds(&channels) {
            return Err(Fault::not_found("merge").into());
        }
    }
    if let Some((_, at)) = &merge.undone {
        let fault = Fault::new(Reason::AlreadyUndone, "the merge was undone before");
        return Err(fault.with("undone_at", at.to_rfc3339()).into());
    }
    let around = surroundings(&mut tx, &both).await?;
    let locked = store::customer::lock(&mut tx, &around).await?;
    if locked.iter().any(|customer| customer.erased) {
        return Err(erased().into());
    }
    merge.undone = Some((asked.by_subject, now));
    store::merge::undo(&mut tx, tenant, &merge).await?;
    store::customer::edited(&mut tx, &touched).await?;
    let change = settle(&mut tx, &core.ambient, &both).await?;
    let [survivor, merged] =
        [find(&mut tx, survivor, &Scope::All).await?, find(&mut tx, merged, &Scope::All).await?];
    let survivor = show(&mut tx, (tenant, survivor)).await?;
    let merged = show(&mut tx, (tenant, merged)).await?;
    let undone = Undone { merge, survivor, merged, change };
    let about = [undone.survivor.customer_ids(), undone.merged.customer_ids()].concat();
    record(&mut tx, &asked.request, &undone, &about).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(undone)
}
