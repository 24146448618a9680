//! Lists of customers in every order, with a bounded scan: what a page costs depends on neither its number nor how many
//! customers there are. What few customers match is looked up by an index and sorted; else the index of the order is
//! walked, so far as the budget goes.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Postgres, QueryBuilder};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::profile::{Filter, Order, Place, Spot};

/// Rows that a walk looks at in one call: a filter that matches rarely answers a short page rather than a slow one.
const BUDGET: usize = 2_000;
/// Customers that are looked up and sorted; of what more match, a walk finds some soon enough.
const FEW: i64 = 1_000;

/// Channels of a scope that is worth looking up.
const NARROW: usize = 20;

/// The question of a list.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub tenant: Uuid,
    pub order: Order,
    pub reverse: bool,
    /// In small letters; only by name, and only on the first page.
    pub from_name: &'a str,
    pub filter: &'a Filter,
    /// Every id that stands for the filter's tag; none for one that is no more.
    pub tag_ids: &'a [Uuid],
    /// The channels that the caller may see; `None` for all.
    pub scope: Option<&'a [Uuid]>,
    pub after: Option<&'a Place>,
}

/// A row with the keys of the orders.
#[derive(Debug, Clone, FromRow)]
pub struct Listed {
    pub id: Uuid,
    pub sort_name: String,
    pub last_contact_at: Option<DateTime<Utc>>,
    pub first_contact_at: Option<DateTime<Utc>>,
    pub channel_ids: Vec<Uuid>,
}

/// What one bounded scan found.
#[derive(Debug)]
pub struct Found {
    pub rows: Vec<Listed>,
    /// The row after which to go on; `None` when the scan saw the end. The caller may not see every such row.
    pub last: Option<Listed>,
}

/// At most `limit` customers that match.
pub async fn scan(connection: &mut Connection, question: &Question<'_>, limit: usize) -> Result<Found> {
    let few = candidates(connection, question).await?;
    let mut sql = QueryBuilder::<Postgres>::new("SELECT * FROM (SELECT c.*, (");
    conditions(&mut sql, question);
    sql.push(") AS matches FROM (");
    walk(&mut sql, question, few.as_deref());
    // The outer limit lets the executor stop as soon as the page is full.
    sql.push(") AS c) AS c WHERE c.matches LIMIT ").push_bind(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let mut rows: Vec<Listed> = sql.build_query_as().fetch_all(&mut *connection).await?;
    if rows.len() > limit {
        rows.truncate(limit);
        let last = rows.last().cloned();
        return Ok(Found { rows, last });
    }
    let everything = question.scope.is_none() && *question.filter == Filter::default();
    let last = if few.is_some() || everything { None } else { edge(connection, question).await? };
    Ok(Found { rows, last })
}

/// Those of some customers that match; of all of them, when few can match and `None` otherwise.
pub async fn matching(
    connection: &mut Connection,
    question: &Question<'_>,
    among: Option<&[Uuid]>,
) -> Result<Option<Vec<Uuid>>> {
    let ids = match among {
        Some(ids) => ids.to_vec(),
        None => match candidates(connection, question).await? {
            Some(few) => few,
            None => return Ok(None),
        },
    };
    let mut sql = QueryBuilder::<Postgres>::new("SELECT c.id FROM customer c WHERE c.merged_into IS NULL");
    sql.push(" AND c.tenant_id = ").push_bind(question.tenant);
    sql.push(" AND c.id = ANY(").push_bind(ids).push(") AND ");
    conditions(&mut sql, question);
    Ok(Some(sql.build_query_scalar().fetch_all(connection).await?))
}

/// The last row that the budget reached; `None` when the walk came to the end.
async fn edge(connection: &mut Connection, question: &Question<'_>) -> Result<Option<Listed>> {
    let mut sql =
        QueryBuilder::<Postgres>::new("SELECT * FROM (SELECT c.*, row_number() OVER () AS n FROM (");
    walk(&mut sql, question, None);
    sql.push(format_args!(") AS c) AS c WHERE n = {BUDGET}"));
    Ok(sql.build_query_as().fetch_optional(connection).await?)
}

/// The rows that a scan looks at, in order.
fn walk(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>, few: Option<&[Uuid]>) {
    let key = match question.order {
        Order::Name => "c.sort_name",
        Order::LastContact => "coalesce(c.last_contact_at, '-infinity')",
        Order::FirstContact => "coalesce(c.first_contact_at, '-infinity')",
    };
    // Names begin with A, times with the newest.
    let descends = (question.order == Order::Name) == question.reverse;
    let (beyond, direction) = if descends { ("<", "DESC") } else { (">", "ASC") };
    sql.push("SELECT c.* FROM customer c WHERE c.merged_into IS NULL AND c.tenant_id = ");
    sql.push_bind(question.tenant);
    if let Some(few) = few {
        sql.push(" AND c.id = ANY(").push_bind(few.to_vec()).push(")");
    }
    match question.after {
        Some(place) => {
            sql.push(format_args!(" AND ({key}, c.id) {beyond} ("));
            match &place.spot {
                Spot::Name(name) => sql.push_bind(name.clone().unwrap_or_default()),
                Spot::Time(at) => sql.push("coalesce(").push_bind(*at).push(", '-infinity'::timestamptz)"),
            };
            sql.push(", ").push_bind(place.id).push(")");
        }
        None if !question.from_name.is_empty() => {
            // Small letters stand before capital ones, so nobody of that name is jumped over.
            sql.push(if descends { " AND c.sort_name < " } else { " AND c.sort_name >= " });
            sql.push_bind(question.from_name.to_owned());
        }
        None => {}
    }
    // Written out: a plan for any bound would not be one for this.
    sql.push(format_args!(" ORDER BY {key} {direction}, c.id {direction} LIMIT {BUDGET}"));
}

/// Scope and filter. Expressions of a row, not joins: the walk's order and laziness must stay.
fn conditions(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>) {
    let (filter, tenant) = (question.filter, question.tenant);
    // One that was erased is nobody to be found.
    sql.push("c.erased_at IS NULL");
    if let Some(channels) = question.scope {
        sql.push(" AND (c.channel_ids = '{}' OR c.channel_ids && ").push_bind(channels.to_vec()).push(")");
    }
    if let Some(category) = &filter.category {
        sql.push(" AND c.category = ").push_bind(category.clone());
    }
    if let Some(channel) = filter.channel_id {
        sql.push(" AND ").push_bind(channel).push(" = ANY(c.channel_ids)");
    }
    if let Some(has_phone) = filter.has_phone {
        sql.push(" AND c.has_phone = ").push_bind(has_phone);
    }
    if let Some((definition, value)) = &filter.attribute {
        sql.push(" AND c.attributes ->> ").push_bind(definition.to_string());
        sql.push(" = ").push_bind(value.clone());
    }
    if filter.tag_id.is_some() {
        // The newest row of the merged set decides, for each tag that became this one.
        sql.push(
            " AND EXISTS (SELECT FROM (SELECT DISTINCT ON (t.tag_id) t.carried FROM (
                  SELECT c.id UNION ALL
                  SELECT m.id FROM customer m WHERE m.merged_into = c.id AND m.tenant_id = ",
        );
        sql.push_bind(tenant).push(") AS m JOIN customer_tag t ON t.customer_id = m.id AND t.tenant_id = ");
        sql.push_bind(tenant).push(" AND t.tag_id = ANY(").push_bind(question.tag_ids.to_vec());
        sql.push(") ORDER BY t.tag_id, t.changed_at DESC, t.carried DESC) AS newest WHERE newest.carried)");
    }
}

/// The customers behind one part of the filter, where these are few. They may hold some that do not match, none is missing.
async fn candidates(connection: &mut Connection, question: &Question<'_>) -> Result<Option<Vec<Uuid>>> {
    let (filter, tenant, most) = (question.filter, question.tenant, FEW + 1);
    if let Some((definition, value)) = &filter.attribute {
        let behind = with_value(connection, tenant, *definition, value, most).await?;
        if let Some(few) = few(behind) {
            return Ok(Some(few));
        }
    }
    if filter.tag_id.is_some()
        && let Some(few) = few(with_tag(connection, tenant, question.tag_ids, most).await?)
    {
        return Ok(Some(few));
    }
    if let Some(category) = &filter.category
        && let Some(few) = few(of_category(connection, tenant, category, most).await?)
    {
        return Ok(Some(few));
    }
    if let Some(channel) = filter.channel_id
        && let Some(few) = few(on_channel(connection, tenant, channel, most).await?)
    {
        return Ok(Some(few));
    }
    if let Some(has_phone) = filter.has_phone
        && let Some(few) = few(by_phone(connection, tenant, has_phone, most).await?)
    {
        return Ok(Some(few));
    }
    if let Some(channels) = question.scope
        && channels.len() <= NARROW
        && let Some(few) = few(in_scope(connection, tenant, channels, most).await?)
    {
        return Ok(Some(few));
    }
    Ok(None)
}

fn few(ids: Vec<Uuid>) -> Option<Vec<Uuid>> {
    i64::try_from(ids.len()).is_ok_and(|found| found <= FEW).then_some(ids)
}

async fn with_value(
    connection: &mut Connection,
    tenant: Uuid,
    definition: Uuid,
    value: &str,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT customer_id FROM customer_attribute
         WHERE tenant_id = $1 AND definition_id = $2 AND value_hash = md5($3)::uuid LIMIT $4",
        tenant,
        definition,
        value,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// Also of those merged into others: the ids are of who stands for each.
async fn with_tag(
    connection: &mut Connection,
    tenant: Uuid,
    tag_ids: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT coalesce(c.merged_into, c.id) AS "id!"
           FROM (SELECT customer_id FROM customer_tag WHERE tenant_id = $1 AND tag_id = ANY ($2) LIMIT $3) AS t
           JOIN customer c ON c.tenant_id = $1 AND c.id = t.customer_id"#,
        tenant,
        tag_ids,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

async fn of_category(
    connection: &mut Connection,
    tenant: Uuid,
    category: &str,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM customer WHERE tenant_id = $1 AND merged_into IS NULL AND category = $2 LIMIT $3",
        tenant,
        category,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

async fn on_channel(
    connection: &mut Connection,
    tenant: Uuid,
    channel: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT coalesce(c.merged_into, c.id) AS "id!"
           FROM (SELECT customer_id FROM contact WHERE tenant_id = $1 AND channel_id = $2 LIMIT $3) AS k
           JOIN customer c ON c.tenant_id = $1 AND c.id = k.customer_id"#,
        tenant,
        channel,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// With a contact on one of the channels, or with none at all.
async fn in_scope(
    connection: &mut Connection,
    tenant: Uuid,
    channels: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT coalesce(c.merged_into, c.id) AS "id!"
           FROM (SELECT customer_id FROM contact WHERE tenant_id = $1 AND channel_id = ANY ($2) LIMIT $3) AS k
           JOIN customer c ON c.tenant_id = $1 AND c.id = k.customer_id
           UNION ALL
           (SELECT id FROM customer
            WHERE tenant_id = $1 AND merged_into IS NULL AND channel_ids = '{}' LIMIT $3)"#,
        tenant,
        channels,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

async fn by_phone(
    connection: &mut Connection,
    tenant: Uuid,
    has_phone: bool,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM customer WHERE tenant_id = $1 AND merged_into IS NULL AND has_phone = $2 LIMIT $3",
        tenant,
        has_phone,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}
