use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin_snapshot};
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::model::{Key, Note};
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
    /// Among the pinned ones, which come first.
    #[serde(default)]
    pub pinned: bool,
    pub at: DateTime<Utc>,
    pub id: Uuid,
}

#[derive(Debug)]
pub struct Page {
    pub notes: Vec<Note>,
    /// `None` at the end.
    pub next: Option<Place>,
}

/// A page of all notes about a customer and those merged into it, in an order that stays while they are pinned, and where the
/// next one begins.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn every(
    core: &Core,
    customer: Key,
    after: Option<(DateTime<Utc>, Uuid)>,
    page_size: i64,
) -> Result<(Vec<Note>, Option<(DateTime<Utc>, Uuid)>)> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let root = find(&mut snapshot, customer, &Scope::All).await?;
    let members = store::customer::members(&mut snapshot, (customer.0, root)).await?;
    let notes = store::note::every(&mut snapshot, customer.0, &members, after, page_size).await?;
    let full = i64::try_from(notes.len()) == Ok(page_size);
    let next = notes.last().filter(|_| full).map(|note| (note.created_at, note.id));
    Ok((notes, next))
}

/// The notes about a customer and those merged into it: the pinned ones, then the others, each newest first.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn list(core: &Core, list: List, scope: &Scope) -> Result<Page> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let tenant = list.customer.0;
    let root = find(&mut snapshot, list.customer, scope).await?;
    let members = store::customer::members(&mut snapshot, (tenant, root)).await?;
    let limit = list.page_size + 1;
    let mut notes = store::note::before(&mut snapshot, tenant, &members, list.after, limit).await?;
    let wanted = usize::try_from(list.page_size).unwrap_or_default();
    let more = notes.len() > wanted;
    notes.truncate(wanted);
    let next = notes.last().filter(|_| more).map(|note| Place {
        pinned: note.pinned_at.is_some(),
        at: note.created_at,
        id: note.id,
    });
    Ok(Page { notes, next })
}
