use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin_snapshot};
use uuid::Uuid;

use super::Merge;
use crate::domain::Core;
use crate::domain::model::Key;
use crate::domain::profile::find;
use crate::domain::scope::Scope;
use crate::store;

/// Which page.
#[derive(Debug, Clone)]
pub struct List {
    pub customer: Key,
    pub page_size: i64,
    pub after: Option<Place>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    at: DateTime<Utc>,
    id: Uuid,
}

#[derive(Debug)]
pub struct Page {
    pub merges: Vec<Merge>,
    /// `None` at the end.
    pub next: Option<Place>,
}

/// The merges of a customer and of those merged into it, newest first, those undone included; not those with a customer
/// that the caller may not see.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn list(core: &Core, list: List, scope: &Scope) -> Result<Page> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let tenant = list.customer.0;
    let root = find(&mut snapshot, list.customer, scope).await?;
    let members = store::customer::members(&mut snapshot, (tenant, root)).await?;
    let place = list.after.map(|place| (place.at, place.id));
    let mut merges = store::merge::before(&mut snapshot, tenant, &members, place, list.page_size + 1).await?;
    let wanted = usize::try_from(list.page_size).unwrap_or_default();
    let more = merges.len() > wanted;
    merges.truncate(wanted);
    let next = merges.last().filter(|_| more).map(|merge| Place { at: merge.merged_at, id: merge.id });
    let ends: Vec<Key> =
        merges.iter().flat_map(|merge| [(tenant, merge.survivor_id), (tenant, merge.merged_id)]).collect();
    let channels = store::customer::channels(&mut snapshot, &ends).await?;
    let sees = |id: Uuid| channels.get(&(tenant, id)).is_some_and(|channels| scope.finds(channels));
    merges.retain(|merge| sees(merge.survivor_id) && sees(merge.merged_id));
    Ok(Page { merges, next })
}
