//! Which customers carry which tags.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::model::Key;

/// A tag's row of one customer of a merged set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    pub customer_id: Uuid,
    /// The tag that was put on or taken off.
    pub tag_id: Uuid,
    /// The tag that it stands for: another once it was merged.
    pub meant_id: Uuid,
    pub carried: bool,
    pub changed_at: DateTime<Utc>,
}

/// The tag rows of customers, without those of deleted tags.
pub async fn of_customers(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
) -> Result<Vec<Carried>> {
    let rows = sqlx::query_as!(
        Carried,
        r#"SELECT c.customer_id, c.tag_id, coalesce(t.merged_into, t.id) AS "meant_id!", c.carried, c.changed_at
           FROM customer_tag c JOIN tag t ON t.tenant_id = c.tenant_id AND t.id = c.tag_id
           WHERE c.tenant_id = $1 AND c.customer_id = ANY ($2) AND t.deleted_at IS NULL"#,
        tenant,
        customers,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Writes rows.
pub async fn put(connection: &mut Connection, tenant: Uuid, rows: &[Carried]) -> Result<()> {
    let customers: Vec<Uuid> = rows.iter().map(|row| row.customer_id).collect();
    let tags: Vec<Uuid> = rows.iter().map(|row| row.tag_id).collect();
    let carried: Vec<bool> = rows.iter().map(|row| row.carried).collect();
    let changed: Vec<DateTime<Utc>> = rows.iter().map(|row| row.changed_at).collect();
    sqlx::query!(
        "INSERT INTO customer_tag (tenant_id, customer_id, tag_id, carried, changed_at)
         SELECT $1, n.customer_id, n.tag_id, n.carried, n.changed_at
         FROM unnest($2::uuid[], $3::uuid[], $4::boolean[], $5::timestamptz[]) AS n (customer_id, tag_id, carried, changed_at)
         ON CONFLICT (tenant_id, customer_id, tag_id)
             DO UPDATE SET carried = excluded.carried, changed_at = excluded.changed_at",
        tenant,
        &customers,
        &tags,
        &carried,
        &changed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes rows, given as customer and tag.
pub async fn take(connection: &mut Connection, tenant: Uuid, rows: &[(Uuid, Uuid)]) -> Result<()> {
    let (customers, tags) = split(rows);
    sqlx::query!(
        "DELETE FROM customer_tag
         WHERE tenant_id = $1 AND (customer_id, tag_id) IN (SELECT * FROM unnest($2::uuid[], $3::uuid[]))",
        tenant,
        &customers,
        &tags,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Some customers with a row of a tag, in the order of their ids.
pub async fn bearers(connection: &mut Connection, (tenant, tag): Key, limit: i64) -> Result<Vec<Uuid>> {
    let customers = sqlx::query_scalar!(
        "SELECT customer_id FROM customer_tag WHERE tenant_id = $1 AND tag_id = $2 ORDER BY customer_id LIMIT $3",
        tenant,
        tag,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(customers)
}

/// How many customers carry a tag of each of two groups. Reads the rows of the smaller group: the caller knows how many carry
/// it.
pub async fn in_both(
    connection: &mut Connection,
    tenant: Uuid,
    small: &[Uuid],
    large: &[Uuid],
) -> Result<i64> {
    let both = sqlx::query_scalar!(
        r#"SELECT count(*) AS "both!" FROM customer c
           WHERE c.tenant_id = $1 AND c.counted_tags && $2 AND c.counted_tags && $3
             AND c.id IN (
                 SELECT coalesce(m.merged_into, m.id)
                 FROM customer_tag t JOIN customer m ON m.tenant_id = t.tenant_id AND m.id = t.customer_id
                 WHERE t.tenant_id = $1 AND t.tag_id = ANY ($2))"#,
        tenant,
        small,
        large,
    )
    .fetch_one(connection)
    .await?;
    Ok(both)
}

/// Sets what a tag's count is after a merge.
pub async fn set_count(
    connection: &mut Connection,
    (tenant, tag): Key,
    customers: i64,
    exact: bool,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO tag_count (tenant_id, tag_id, customers, exact) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, tag_id) DO UPDATE SET customers = excluded.customers, exact = excluded.exact",
        tenant,
        tag,
        customers,
        exact,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts customers for the tags that they carry now, where that is another than they were counted for. Their rows are
/// locked; tags are locked after them, in one order, and nothing else is locked after these.
pub async fn count_again(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(keys);
    let moved = sqlx::query!(
        r#"WITH s AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)),
           member AS (
               SELECT s.tenant_id, s.id AS root_id, c.id
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
               UNION ALL
               SELECT s.tenant_id, s.id, c.id
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.merged_into = s.id),
           newest AS (
               SELECT DISTINCT ON (m.tenant_id, m.root_id, t.tag_id) m.tenant_id, m.root_id, t.tag_id, t.carried
               FROM member m
               JOIN customer_tag t ON t.tenant_id = m.tenant_id AND t.customer_id = m.id
               JOIN tag g ON g.tenant_id = t.tenant_id AND g.id = t.tag_id AND g.deleted_at IS NULL
               ORDER BY m.tenant_id, m.root_id, t.tag_id, t.changed_at DESC, t.carried DESC),
           carries AS (
               SELECT s.tenant_id, s.id,
                      coalesce(array_agg(n.tag_id ORDER BY n.tag_id) FILTER (WHERE n.carried), '{}') AS tags
               FROM s LEFT JOIN newest n ON n.tenant_id = s.tenant_id AND n.root_id = s.id GROUP BY 1, 2),
           other AS (
               SELECT c.tenant_id, c.id, c.counted_tags AS before, carries.tags AS after
               FROM carries JOIN customer c ON c.tenant_id = carries.tenant_id AND c.id = carries.id
               WHERE c.counted_tags <> carries.tags),
           written AS (
               UPDATE customer c SET counted_tags = other.after
               FROM other WHERE c.tenant_id = other.tenant_id AND c.id = other.id)
           SELECT tenant_id AS "tenant_id!", tag_id AS "tag_id!", sum(by)::bigint AS "by!"
           FROM (
               SELECT DISTINCT o.tenant_id, o.id, coalesce(g.merged_into, g.id) AS tag_id, -1 AS by
               FROM other o CROSS JOIN LATERAL unnest(o.before) AS b (tag_id)
               JOIN tag g ON g.tenant_id = o.tenant_id AND g.id = b.tag_id AND g.deleted_at IS NULL
               UNION ALL
               SELECT DISTINCT o.tenant_id, o.id, coalesce(g.merged_into, g.id), 1
               FROM other o CROSS JOIN LATERAL unnest(o.after) AS a (tag_id)
               JOIN tag g ON g.tenant_id = o.tenant_id AND g.id = a.tag_id AND g.deleted_at IS NULL
           ) AS moved GROUP BY 1, 2 HAVING sum(by) <> 0 ORDER BY 1, 2"#,
        &tenants,
        &ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    if moved.is_empty() {
        return Ok(());
    }
    let (tenants, tags): (Vec<Uuid>, Vec<Uuid>) = moved.iter().map(|row| (row.tenant_id, row.tag_id)).unzip();
    let by: Vec<i64> = moved.iter().map(|row| row.by).collect();
    add(connection, &tenants, &tags, &by).await
}

async fn add(connection: &mut Connection, tenants: &[Uuid], tags: &[Uuid], by: &[i64]) -> Result<()> {
    // Tags that the release before created have no count yet.
    sqlx::query!(
        "INSERT INTO tag_count (tenant_id, tag_id, customers)
         SELECT n.tenant_id, n.tag_id, 0 FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, tag_id)
         WHERE NOT EXISTS (SELECT FROM tag_count c WHERE c.tenant_id = n.tenant_id AND c.tag_id = n.tag_id)
         ON CONFLICT DO NOTHING",
        tenants,
        tags,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "SELECT FROM tag_count WHERE (tenant_id, tag_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         ORDER BY tenant_id, tag_id FOR NO KEY UPDATE",
        tenants,
        tags,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE tag_count c SET customers = greatest(c.customers + n.by, 0)
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (tenant_id, tag_id, by)
         WHERE c.tenant_id = n.tenant_id AND c.tag_id = n.tag_id",
        tenants,
        tags,
        by,
    )
    .execute(connection)
    .await?;
    Ok(())
}
