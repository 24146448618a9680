use tandem_database::{Connection, Result, begin};
use tandem_fault::Fault;
use tandem_request_log as request_log;
use uuid::Uuid;

use super::{Changed, limit, tell};
use crate::domain::model::Tag;
use crate::domain::{Change, Core};
use crate::store;

/// Tags that may have become one: what a filter by it compares with.
const MOST_IN_ONE: usize = 200;
/// Customers that a merge reads at most, to count those that carry both tags once.
const MOST_COUNTED: i64 = 10_000;

/// One tag to make another.
#[derive(Debug, Clone)]
pub struct MergeTags {
    pub request: request_log::Request,
    pub tag_id: Uuid,
    pub into_id: Uuid,
}

/// Makes one tag another: a pointer, which every read follows. Merging again changes nothing.
///
/// # Errors
/// `NOT_FOUND`, `LIMIT_REACHED`, `REQUEST_ID_REUSED`.
pub async fn merge(core: &Core, asked: MergeTags) -> Result<Changed> {
    let tenant = asked.request.tenant_id;
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &asked.request, core.ambient.now()).await? {
        return Ok(first);
    }
    store::tag::hold_alone(&mut tx, &[tenant].into()).await?;
    let going = store::tag::find(&mut tx, (tenant, asked.tag_id)).await?;
    let staying = store::tag::find(&mut tx, (tenant, asked.into_id)).await?;
    let (Some(going), Some(staying)) = (going, staying) else {
        return Err(Fault::not_found("tag").into());
    };
    let change =
        if going.id == staying.id { None } else { join(&mut tx, core, tenant, &going, &staying).await? };
    let stayed = store::tag::find(&mut tx, (tenant, staying.id)).await?;
    let changed = Changed { tag: stayed.ok_or_else(|| Fault::not_found("tag"))?, change };
    request_log::record(&mut tx, &asked.request, &changed).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(changed)
}

async fn join(
    connection: &mut Connection,
    core: &Core,
    tenant: Uuid,
    going: &Tag,
    staying: &Tag,
) -> Result<Option<Change>> {
    let mut groups = store::tag::groups(connection, tenant, &[going.id, staying.id]).await?;
    let gone = groups.remove(&going.id).unwrap_or_default();
    let kept = groups.remove(&staying.id).unwrap_or_default();
    if gone.len() + kept.len() > MOST_IN_ONE {
        return Err(limit("at most 200 tags become one", MOST_IN_ONE).into());
    }
    let fewer = going.customers.min(staying.customers);
    let (count, exact) = if !going.exact || !staying.exact || fewer > MOST_COUNTED {
        (going.customers.max(staying.customers), false)
    } else if fewer == 0 {
        (going.customers + staying.customers, true)
    } else {
        let (small, large) =
            if going.customers <= staying.customers { (&gone, &kept) } else { (&kept, &gone) };
        let both = store::carried::in_both(connection, tenant, small, large).await?;
        (going.customers + staying.customers - both, true)
    };
    let versions = store::tag::merge(connection, tenant, &gone, staying.id).await?;
    store::carried::set_count(connection, (tenant, staying.id), count, exact).await?;
    store::carried::set_count(connection, (tenant, going.id), 0, true).await?;
    tell(connection, core, tenant, &versions).await
}
