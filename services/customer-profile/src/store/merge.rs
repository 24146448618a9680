//! Merges that people made.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::merge::{Link, Merge};
use crate::domain::model::Key;

struct Row {
    id: Uuid,
    survivor_id: Uuid,
    merged_id: Uuid,
    by_subject: String,
    merged_at: DateTime<Utc>,
    undone_by: Option<String>,
    undone_at: Option<DateTime<Utc>>,
}

impl From<Row> for Merge {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            survivor_id: row.survivor_id,
            merged_id: row.merged_id,
            by_subject: row.by_subject,
            merged_at: row.merged_at,
            undone: row.undone_by.zip(row.undone_at),
        }
    }
}

/// Holds which customers of these tenants are one, and their tags as they are, until the transaction ends. Before any lock of a customer.
pub async fn hold(connection: &mut Connection, tenants: &BTreeSet<Uuid>) -> Result<()> {
    if tenants.is_empty() {
        return Ok(());
    }
    super::tag::hold(connection, tenants).await?;
    let tenants: Vec<Uuid> = tenants.iter().copied().collect();
    sqlx::query!(
        "INSERT INTO merging (tenant_id) SELECT id FROM unnest($1::uuid[]) AS t (id)
         WHERE NOT EXISTS (SELECT 1 FROM merging m WHERE m.tenant_id = t.id) ORDER BY id ON CONFLICT DO NOTHING",
        &tenants,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "SELECT tenant_id FROM merging WHERE tenant_id = ANY ($1) ORDER BY tenant_id FOR UPDATE",
        &tenants,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// The merges that hold with an end among these customers. Who was erased as one person stays one, though no address shows it
/// any more.
pub async fn links(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<Vec<Link>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"WITH s AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id))
           SELECT m.tenant_id AS "tenant_id!", m.id AS "id!", m.survivor_id AS "survivor_id!",
                  m.merged_id AS "merged_id!", m.merged_at AS "merged_at!"
           FROM s JOIN customer_merge m ON m.tenant_id = s.tenant_id AND m.survivor_id = s.id
           WHERE m.undone_at IS NULL
           UNION
           SELECT m.tenant_id, m.id, m.survivor_id, m.merged_id, m.merged_at
           FROM s JOIN customer_merge m ON m.tenant_id = s.tenant_id AND m.merged_id = s.id
           WHERE m.undone_at IS NULL
           UNION
           SELECT c.tenant_id, c.erasure_id, e.customer_id, c.id, c.erased_at
           FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.id
           JOIN erasure e ON e.tenant_id = c.tenant_id AND e.id = c.erasure_id
           WHERE c.id <> e.customer_id"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let link = |row: (Uuid, Uuid, Uuid, Uuid, DateTime<Utc>)| Link {
        merged_at: row.4,
        id: row.1,
        survivor: (row.0, row.2),
        merged: (row.0, row.3),
    };
    Ok(rows
        .into_iter()
        .map(|row| link((row.tenant_id, row.id, row.survivor_id, row.merged_id, row.merged_at)))
        .collect())
}

pub async fn insert(connection: &mut Connection, tenant: Uuid, merge: &Merge) -> Result<()> {
    sqlx::query!(
        "INSERT INTO customer_merge (tenant_id, id, survivor_id, merged_id, by_subject, merged_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        tenant,
        merge.id,
        merge.survivor_id,
        merge.merged_id,
        merge.by_subject,
        merge.merged_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn find(connection: &mut Connection, (tenant, id): Key) -> Result<Option<Merge>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, survivor_id, merged_id, by_subject, merged_at, undone_by, undone_at FROM customer_merge
         WHERE tenant_id = $1 AND id = $2",
        tenant,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Merge::from))
}

/// Writes by whom and when a merge was undone, of one that held under [`hold`].
pub async fn undo(connection: &mut Connection, tenant: Uuid, merge: &Merge) -> Result<()> {
    let (by, at) = merge.undone.clone().unzip();
    let done = sqlx::query!(
        "UPDATE customer_merge SET undone_by = $3, undone_at = $4
         WHERE tenant_id = $1 AND id = $2 AND undone_at IS NULL",
        tenant,
        merge.id,
        by,
        at,
    )
    .execute(connection)
    .await?;
    if done.rows_affected() != 1 {
        return Err(tandem_fault::Fault::internal("a merge was undone by two at once").into());
    }
    Ok(())
}

/// Merges of these customers, newest first, before a place. Each customer's newest are read from the heads of the two
/// indexes.
pub async fn before(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
    place: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Merge>> {
    let (at, id) = place.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT DISTINCT m.id AS "id!", m.survivor_id AS "survivor_id!", m.merged_id AS "merged_id!",
                  m.by_subject AS "by_subject!", m.merged_at AS "merged_at!", m.undone_by, m.undone_at
           FROM unnest($2::uuid[]) AS c (id)
           CROSS JOIN LATERAL (
               (SELECT * FROM customer_merge WHERE tenant_id = $1 AND survivor_id = c.id
                  AND (merged_at, id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, c.id))
                ORDER BY merged_at DESC, id DESC LIMIT $5)
               UNION ALL
               (SELECT * FROM customer_merge WHERE tenant_id = $1 AND merged_id = c.id
                  AND (merged_at, id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, c.id))
                ORDER BY merged_at DESC, id DESC LIMIT $5)
           ) AS m
           ORDER BY 5 DESC, 1 DESC LIMIT $5"#,
        tenant,
        customers,
        at,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Merge::from).collect())
}
