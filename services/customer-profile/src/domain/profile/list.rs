use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin_snapshot};
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::model::{Key, Profile};
use crate::domain::scope::Scope;
use crate::store;

/// Rows that are read at once when not all of them may be seen.
const CHUNK: i64 = 500;
/// Rows that one call looks at: a narrow scope among many customers answers a short page rather than a slow one.
const BUDGET: i64 = 2_000;

/// Which page.
#[derive(Debug, Clone)]
pub struct List {
    pub tenant: Uuid,
    pub page_size: i64,
    /// Names from this one on.
    pub from_name: String,
    pub after: Option<Place>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Left out when the caller may not see that customer: page tokens can be read.
    name: Option<String>,
    id: Uuid,
}

#[derive(Debug)]
pub struct Page {
    pub customers: Vec<Profile>,
    /// `None` at the end.
    pub next: Option<Place>,
}

/// Customers by name, A–Z; those without a name come last, merged ones not at all.
pub async fn list(core: &Core, list: List, scope: &Scope) -> Result<Page> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    // Small letters stand before capital ones, so nobody of that name is jumped over.
    let (mut name, mut id) = (list.from_name.to_lowercase(), Uuid::nil());
    if let Some(place) = list.after {
        name = match place.name {
            Some(name) => name,
            None => {
                store::customer::sort_name(&mut snapshot, (list.tenant, place.id)).await?.unwrap_or_default()
            }
        };
        id = place.id;
    }
    let wanted = usize::try_from(list.page_size).unwrap_or_default();
    let chunk = if scope.channels().is_none() { list.page_size + 1 } else { CHUNK };
    let (mut found, mut looked_at): (Vec<Key>, i64) = (Vec::new(), 0);
    let mut next = None;
    'walk: loop {
        let rows = store::customer::after_name(&mut snapshot, list.tenant, (&name, id), chunk).await?;
        let more = rows.len() as u64 == chunk.unsigned_abs();
        for row in rows {
            let seen = scope.finds(&row.channel_ids);
            if found.len() == wanted {
                // At least one more row stands there; whether it may be seen the next page tells.
                break 'walk;
            }
            next = Some(Place { name: seen.then(|| row.sort_name.clone()), id: row.id });
            (name, id) = (row.sort_name, row.id);
            looked_at += 1;
            if seen {
                found.push((list.tenant, row.id));
            }
        }
        if !more {
            next = None;
            break;
        }
        if looked_at >= BUDGET {
            break;
        }
    }
    let customers = store::profile::read(&mut snapshot, &found).await?;
    Ok(Page { customers, next })
}
