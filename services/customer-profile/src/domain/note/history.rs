use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin_snapshot};
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::model::{Key, Revision};
use crate::domain::profile::find;
use crate::domain::scope::Scope;
use crate::store;

/// Which page.
#[derive(Debug, Clone)]
pub struct History {
    pub customer: Key,
    /// Of this note alone.
    pub note_id: Option<Uuid>,
    /// What deleted notes said, too.
    pub with_deleted: bool,
    pub page_size: i64,
    pub after: Option<Place>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub ended_at: DateTime<Utc>,
    pub note_id: Uuid,
    pub number: i64,
}

#[derive(Debug)]
pub struct Page {
    pub revisions: Vec<Revision>,
    /// `None` at the end.
    pub next: Option<Place>,
}

/// What the notes about a customer, and about those merged into it, said before, newest first.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn history(core: &Core, asked: History, scope: &Scope) -> Result<Page> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let tenant = asked.customer.0;
    let root = find(&mut snapshot, asked.customer, scope).await?;
    let members = store::customer::members(&mut snapshot, (tenant, root)).await?;
    let limit = asked.page_size + 1;
    let mut revisions = store::note::revisions(&mut snapshot, tenant, &members, &asked, limit).await?;
    let wanted = usize::try_from(asked.page_size).unwrap_or_default();
    let more = revisions.len() > wanted;
    revisions.truncate(wanted);
    let place =
        |last: &Revision| Place { ended_at: last.ended_at, note_id: last.note_id, number: last.number };
    let next = revisions.last().filter(|_| more).map(place);
    Ok(Page { revisions, next })
}
