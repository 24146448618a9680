//! Tags, and which customers carry them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::model::{Key, Tag};

/// A tag's row of one customer of a merged set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    pub customer_id: Uuid,
    pub tag_id: Uuid,
    pub carried: bool,
    pub changed_at: DateTime<Utc>,
}

/// Tags by the keys of their names: the tag's id by key.
pub async fn by_keys(
    connection: &mut Connection,
    tenant: Uuid,
    keys: &[String],
) -> Result<BTreeMap<String, Uuid>> {
    let rows = sqlx::query!("SELECT key, id FROM tag WHERE tenant_id = $1 AND key = ANY ($2)", tenant, keys)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.id)).collect())
}

/// Tags by their ids, by name.
pub async fn by_ids(connection: &mut Connection, tenant: Uuid, ids: &[Uuid]) -> Result<Vec<Tag>> {
    let tags = sqlx::query_as!(
        Tag,
        r#"SELECT id, name FROM tag WHERE tenant_id = $1 AND id = ANY ($2) ORDER BY name COLLATE "und-x-icu", id"#,
        tenant,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(tags)
}

/// Tags whose key begins with `prefix`, by name.
pub async fn with_prefix(
    connection: &mut Connection,
    tenant: Uuid,
    prefix: &str,
    limit: i64,
) -> Result<Vec<Tag>> {
    let tags = sqlx::query_as!(
        Tag,
        r#"SELECT id, name FROM tag WHERE tenant_id = $1 AND key ^@ $2
           ORDER BY name COLLATE "und-x-icu", id LIMIT $3"#,
        tenant,
        prefix,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(tags)
}

/// Locks the tenant's number of tags: who creates tags comes one after the other.
pub async fn lock_number(connection: &mut Connection, tenant: Uuid) -> Result<i32> {
    let tags = sqlx::query_scalar!(
        "INSERT INTO tenant_totals (tenant_id) VALUES ($1)
         ON CONFLICT (tenant_id) DO UPDATE SET tags = tenant_totals.tags RETURNING tags",
        tenant,
    )
    .fetch_one(connection)
    .await?;
    Ok(tags)
}

/// Creates tags, given as id, name and key, under the lock of their number.
pub async fn create(
    connection: &mut Connection,
    tenant: Uuid,
    tags: &[(Uuid, String, String)],
    now: DateTime<Utc>,
) -> Result<()> {
    let ids: Vec<Uuid> = tags.iter().map(|(id, _, _)| *id).collect();
    let names: Vec<String> = tags.iter().map(|(_, name, _)| name.clone()).collect();
    let keys: Vec<String> = tags.iter().map(|(_, _, key)| key.clone()).collect();
    sqlx::query!(
        "WITH created AS (
             INSERT INTO tag (tenant_id, id, name, key, created_at)
             SELECT $1, n.id, n.name, n.key, $5 FROM unnest($2::uuid[], $3::text[], $4::text[]) AS n (id, name, key)
             RETURNING id)
         UPDATE tenant_totals SET tags = tags + (SELECT count(*) FROM created)::integer WHERE tenant_id = $1",
        tenant,
        &ids,
        &names,
        &keys,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The tag rows of a merged set.
pub async fn of_customers(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
) -> Result<Vec<Carried>> {
    let rows = sqlx::query_as!(
        Carried,
        "SELECT customer_id, tag_id, carried, changed_at FROM customer_tag
         WHERE tenant_id = $1 AND customer_id = ANY ($2)",
        tenant,
        customers,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Writes rows of one customer.
pub async fn put(connection: &mut Connection, (tenant, customer): Key, rows: &[Carried]) -> Result<()> {
    let tags: Vec<Uuid> = rows.iter().map(|row| row.tag_id).collect();
    let carried: Vec<bool> = rows.iter().map(|row| row.carried).collect();
    let changed: Vec<DateTime<Utc>> = rows.iter().map(|row| row.changed_at).collect();
    sqlx::query!(
        "INSERT INTO customer_tag (tenant_id, customer_id, tag_id, carried, changed_at)
         SELECT $1, $2, n.tag_id, n.carried, n.changed_at
         FROM unnest($3::uuid[], $4::boolean[], $5::timestamptz[]) AS n (tag_id, carried, changed_at)
         ON CONFLICT (tenant_id, customer_id, tag_id)
             DO UPDATE SET carried = excluded.carried, changed_at = excluded.changed_at",
        tenant,
        customer,
        &tags,
        &carried,
        &changed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes rows of one customer.
pub async fn take(connection: &mut Connection, (tenant, customer): Key, tags: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "DELETE FROM customer_tag WHERE tenant_id = $1 AND customer_id = $2 AND tag_id = ANY ($3)",
        tenant,
        customer,
        tags,
    )
    .execute(connection)
    .await?;
    Ok(())
}
