use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::names::Names;
use super::plan::{Plan, carry_out};
use super::{MOST_OF_CUSTOMER, TagName, limit};
use crate::domain::erasure::record;
use crate::domain::model::{Profile, Tag};
use crate::domain::profile::{lock, show};
use crate::domain::scope::Scope;
use crate::domain::{Change, Core};
use crate::store;

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
    store::tag::hold(&mut tx, &[tenant].into()).await?;
    let root = lock(&mut tx, (tenant, update.customer_id), scope).await?.key;
    let members = store::customer::members(&mut tx, root).await?;
    let rows = store::carried::of_customers(&mut tx, tenant, &members).await?;
    let names = Names::read(&mut tx, core, tenant, &update.add, &update.remove).await?;
    let plan = Plan::of(root.1, &rows, &names.put_on, &names.taken_off, now);
    if plan.is_too_much() {
        return Err(limit("a customer carries at most 50 tags", MOST_OF_CUSTOMER).into());
    }
    names.create(&mut tx, core, tenant).await?;
    let change = carry_out(&mut tx, core, tenant, &[plan]).await?;
    let customer = show(&mut tx, root).await?;
    let tags = store::tag::by_ids(&mut tx, tenant, &customer.tag_ids).await?;
    let tagged = Tagged { customer, tags, change };
    record(&mut tx, &update.request, &tagged, &tagged.customer.customer_ids()).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(tagged)
}
