//! Lists in every order, with a bounded scan: what a page costs depends on neither its number nor the size of the inbox.

mod branches;
mod candidates;
mod names;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::filter::conditions;
use crate::domain::filter::Filter;
use crate::domain::order::Order;
use crate::domain::viewer::Viewer;
use branches::Source;

/// Where a list goes on: after the row with these keys, which are those of the list's order.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum Place {
    /// Newest activity, newest first contact.
    Time(DateTime<Utc>, Uuid),
    /// Longest waiting; `None` for those that do not wait.
    Waiting(Option<DateTime<Utc>>, Uuid),
    /// Highest priority.
    Urgency(i16, Option<DateTime<Utc>>, Uuid),
    /// Customer's name: nameless, name, customer, conversation.
    Name(bool, String, Uuid, Uuid),
}

/// What one bounded scan found.
#[derive(Debug)]
pub struct Found {
    pub ids: Vec<Uuid>,
    /// Where to go on; `None` when the scan saw the end.
    pub next: Option<Place>,
}

/// A row of a scan: its id and its keys.
struct Scanned {
    id: Uuid,
    place: Place,
    /// How many rows the scan had looked at; 0 where it was not asked.
    number: i64,
}

/// The question of a scan.
#[derive(Clone, Copy)]
struct Question<'a> {
    viewer: &'a Viewer,
    filter: &'a Filter,
    order: Order,
    after: Option<&'a Place>,
    /// Rows that it may look at.
    budget: i64,
}

/// Scans at most `budget` rows of the index that fits filter and order best, and keeps those that match, at most `limit`.
pub async fn scan(
    connection: &mut Connection,
    viewer: &Viewer,
    filter: &Filter,
    order: Order,
    after: Option<&Place>,
    limit: usize,
    budget: usize,
) -> Result<Found> {
    let question =
        Question { viewer, filter, order, after, budget: i64::try_from(budget).unwrap_or(i64::MAX) };
    let source = match candidates::of(connection, &question).await? {
        Some(ids) => Source::Ids(ids),
        None => Source::of(&question),
    };
    let mut sql = QueryBuilder::<Postgres>::new("SELECT * FROM (SELECT c.*, 0::bigint AS n, (");
    conditions(&mut sql, viewer, filter);
    sql.push(") AS matches FROM (");
    rows(&mut sql, &question, &source);
    // The outer limit lets the executor stop as soon as the page is full.
    sql.push(") AS c) AS c WHERE c.matches LIMIT ").push_bind(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let mut found = fetch(connection, sql, order).await?;
    if found.len() > limit {
        found.truncate(limit);
        let next = found.last().map(|last| last.place.clone());
        return Ok(Found { ids: found.into_iter().map(|row| row.id).collect(), next });
    }
    let ids = found.into_iter().map(|row| row.id).collect();
    Ok(Found { ids, next: edge(connection, &question, &source).await? })
}

/// The last row that a scan's budget reached; `None` when it reached the end.
async fn edge(
    connection: &mut Connection,
    question: &Question<'_>,
    source: &Source,
) -> Result<Option<Place>> {
    if matches!(source, Source::Ids(_)) {
        return Ok(None);
    }
    let mut sql =
        QueryBuilder::<Postgres>::new("SELECT * FROM (SELECT c.*, row_number() OVER () AS n FROM (");
    rows(&mut sql, question, source);
    sql.push(") AS c) AS c ORDER BY n DESC LIMIT 1");
    let last = fetch(connection, sql, question.order).await?.pop();
    Ok(last.filter(|last| last.number >= question.budget).map(|last| last.place))
}

/// The rows that the scan looks at, in order, with their keys: at most the budget.
fn rows(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>, source: &Source) {
    match question.order {
        Order::CustomerName => names::rows(sql, question, source),
        _ => branches::rows(sql, question, source),
    }
    // Written out: a plan for any bound would not be one for this.
    sql.push(format_args!(" LIMIT {}", question.budget));
}

async fn fetch(
    connection: &mut Connection,
    mut sql: QueryBuilder<Postgres>,
    order: Order,
) -> Result<Vec<Scanned>> {
    let rows: Vec<PgRow> = sql.build().fetch_all(connection).await?;
    let scanned = rows.iter().map(|row| {
        let id = row.try_get("id")?;
        let place = match order {
            Order::NewestActivity => Place::Time(row.try_get("last_activity_at")?, id),
            Order::NewestFirstContact => Place::Time(row.try_get("contact_since")?, id),
            Order::LongestWaiting => Place::Waiting(row.try_get("waiting_since")?, id),
            Order::HighestPriority => {
                Place::Urgency(row.try_get("urgency")?, row.try_get("waiting_since")?, id)
            }
            Order::CustomerName => {
                let (nameless, name, customer) = <(bool, String, Uuid)>::from_row(row)?;
                Place::Name(nameless, name, customer, id)
            }
        };
        Ok(Scanned { id, place, number: row.try_get("n")? })
    });
    Ok(scanned.collect::<std::result::Result<_, sqlx::Error>>()?)
}
