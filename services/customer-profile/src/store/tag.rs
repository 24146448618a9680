//! Tags themselves. Who carries them is in [`super::carried`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::model::{Key, Tag, TagState};

/// Holds the tags of tenants as they are until the transaction ends: whoever puts tags on, takes them off or decides which
/// customers are one holds them together with others. Before any lock of a customer.
pub async fn hold(connection: &mut Connection, tenants: &BTreeSet<Uuid>) -> Result<()> {
    let tenants: Vec<Uuid> = tenants.iter().copied().collect();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('tag ' || t.id::text, 0)) FROM unnest($1::uuid[]) AS t (id)",
        &tenants,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Holds the tags of tenants alone, to rename, merge or delete some. Before any other lock.
pub async fn hold_alone(connection: &mut Connection, tenants: &BTreeSet<Uuid>) -> Result<()> {
    let tenants: Vec<Uuid> = tenants.iter().copied().collect();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('tag ' || t.id::text, 0)) FROM unnest($1::uuid[]) AS t (id)",
        &tenants,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tags by the keys of their names: the tag's id by key. Those that were merged or deleted have given their names back.
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
        r#"SELECT t.id, t.name, t.description, t.colour, t.version, coalesce(c.customers, 0) AS "customers!",
                  coalesce(c.exact, true) AS "exact!"
           FROM tag t LEFT JOIN tag_count c ON c.tenant_id = t.tenant_id AND c.tag_id = t.id
           WHERE t.tenant_id = $1 AND t.id = ANY ($2) ORDER BY t.name COLLATE "und-x-icu", t.id"#,
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
        r#"SELECT t.id, t.name, t.description, t.colour, t.version, coalesce(c.customers, 0) AS "customers!",
                  coalesce(c.exact, true) AS "exact!"
           FROM tag t LEFT JOIN tag_count c ON c.tenant_id = t.tenant_id AND c.tag_id = t.id
           WHERE t.tenant_id = $1 AND t.key ^@ $2 AND t.merged_into IS NULL AND t.deleted_at IS NULL
           ORDER BY t.name COLLATE "und-x-icu", t.id LIMIT $3"#,
        tenant,
        prefix,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(tags)
}

/// The tag that an id stands for: a merged one's is the one that stayed. `None` for a deleted one.
pub async fn find(connection: &mut Connection, (tenant, id): Key) -> Result<Option<Tag>> {
    let tag = sqlx::query_as!(
        Tag,
        r#"SELECT t.id, t.name, t.description, t.colour, t.version, coalesce(c.customers, 0) AS "customers!",
                  coalesce(c.exact, true) AS "exact!"
           FROM tag asked
           JOIN tag t ON t.tenant_id = asked.tenant_id AND t.id = coalesce(asked.merged_into, asked.id)
           LEFT JOIN tag_count c ON c.tenant_id = t.tenant_id AND c.tag_id = t.id
           WHERE asked.tenant_id = $1 AND asked.id = $2 AND t.deleted_at IS NULL"#,
        tenant,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(tag)
}

/// For each id every id that stands for the same tag, itself included: none for a deleted one or one that nobody knows.
pub async fn groups(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    let mut groups: HashMap<Uuid, Vec<Uuid>> = ids.iter().map(|id| (*id, Vec::new())).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.id AS "asked!", member.id AS "member!"
           FROM tag asked
           JOIN tag member ON member.tenant_id = asked.tenant_id
                AND (member.id = coalesce(asked.merged_into, asked.id)
                     OR member.merged_into = coalesce(asked.merged_into, asked.id))
           WHERE asked.tenant_id = $1 AND asked.id = ANY ($2) AND asked.deleted_at IS NULL ORDER BY member.id"#,
        tenant,
        ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        groups.entry(row.asked).or_default().push(row.member);
    }
    Ok(groups)
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

/// Creates tags, given as id, name and key, under the lock of their number. Nobody carries them yet.
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
             INSERT INTO tag (tenant_id, id, name, key, key_rule, created_at)
             SELECT $1, n.id, n.name, n.key, 1, $5
             FROM unnest($2::uuid[], $3::text[], $4::text[]) AS n (id, name, key)
             RETURNING id),
         counted AS (INSERT INTO tag_count (tenant_id, tag_id, customers) SELECT $1, id, 0 FROM created)
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

/// Gives a tag of a version other values. `None` when it has another version by now. The name may be taken:
/// `tag_tenant_id_key_key`.
pub async fn edit(
    connection: &mut Connection,
    (tenant, id): Key,
    version: i64,
    name: Option<(&str, &str)>,
    description: Option<&str>,
    colour: Option<&str>,
) -> Result<Option<i64>> {
    let (name, key) = name.unzip();
    let version = sqlx::query_scalar!(
        "UPDATE tag SET name = coalesce($4, name), key = coalesce($5, key),
             key_rule = CASE WHEN $5 IS NULL THEN key_rule ELSE 1 END,
             description = coalesce($6, description), colour = coalesce($7, colour), version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND merged_into IS NULL AND deleted_at IS NULL
         RETURNING version",
        tenant,
        id,
        version,
        name,
        key,
        description,
        colour,
    )
    .fetch_optional(connection)
    .await?;
    Ok(version)
}

/// Lets a tag and all that became it before stand for another, and gives their names back. No customer is touched. Answers
/// their versions.
pub async fn merge(
    connection: &mut Connection,
    tenant: Uuid,
    going: &[Uuid],
    staying: Uuid,
) -> Result<Vec<(Uuid, i64)>> {
    // A name has no control characters: no name is ever equal to such a key, and none begins so.
    let rows = sqlx::query!(
        "UPDATE tag SET merged_into = $3, key = U&'\\0001' || id, key_rule = 1, version = version + 1
         WHERE tenant_id = $1 AND id = ANY ($2) RETURNING id, version",
        tenant,
        going,
        staying,
    )
    .fetch_all(&mut *connection)
    .await?;
    fewer(connection, tenant).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.version)).collect())
}

/// Marks a tag and all that became it as deleted, and gives its name back. Answers their versions.
pub async fn delete(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, i64)>> {
    let rows = sqlx::query!(
        "WITH uncounted AS (DELETE FROM tag_count WHERE tenant_id = $1 AND tag_id = ANY ($2))
         UPDATE tag SET deleted_at = $3, key = U&'\\0001' || id, key_rule = 1, version = version + 1
         WHERE tenant_id = $1 AND id = ANY ($2) RETURNING id, version",
        tenant,
        ids,
        now,
    )
    .fetch_all(&mut *connection)
    .await?;
    fewer(connection, tenant).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.version)).collect())
}

/// The tenant has one tag less.
async fn fewer(connection: &mut Connection, tenant: Uuid) -> Result<()> {
    sqlx::query!("UPDATE tenant_totals SET tags = greatest(tags - 1, 0) WHERE tenant_id = $1", tenant)
        .execute(connection)
        .await?;
    Ok(())
}

/// A deleted tag that rows still name.
pub async fn to_clear(connection: &mut Connection) -> Result<Option<Key>> {
    let row = sqlx::query!(
        "SELECT tenant_id, id FROM tag WHERE deleted_at IS NOT NULL AND NOT cleared ORDER BY tenant_id, id LIMIT 1"
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant_id, row.id)))
}

/// No row names a deleted tag any more.
pub async fn cleared(connection: &mut Connection, (tenant, id): Key) -> Result<()> {
    sqlx::query!("UPDATE tag SET cleared = true WHERE tenant_id = $1 AND id = $2", tenant, id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Tags whose keys were made by the rule of the release before, with their names.
pub async fn to_fold(connection: &mut Connection, limit: i64) -> Result<Vec<(Key, String)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id, name FROM tag WHERE key_rule = 0 ORDER BY tenant_id, id LIMIT $1",
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.id), row.name)).collect())
}

/// Gives tags their keys by the rule of this release. Where two names became one the second keeps its key: people merge them
/// or rename one.
pub async fn fold(connection: &mut Connection, tags: &[(Key, String)]) -> Result<()> {
    let (tenants, ids) = split(tags.iter().map(|(key, _)| key));
    let keys: Vec<String> = tags.iter().map(|(_, key)| key.clone()).collect();
    sqlx::query!(
        "WITH n AS (
             SELECT n.*, row_number() OVER (PARTITION BY n.tenant_id, n.key ORDER BY n.id) AS place
             FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (tenant_id, id, key))
         UPDATE tag t SET key_rule = 1,
             key = CASE WHEN n.place > 1 OR EXISTS (
                       SELECT FROM tag o WHERE o.tenant_id = n.tenant_id AND o.key = n.key AND o.id <> n.id)
                   THEN t.key ELSE n.key END
         FROM n WHERE t.tenant_id = n.tenant_id AND t.id = n.id AND t.key_rule = 0",
        &tenants,
        &ids,
        &keys,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tags as the feed tells of them.
pub async fn states(connection: &mut Connection, keys: &[Key]) -> Result<Vec<TagState>> {
    let (tenants, ids) = split(keys);
    let states = sqlx::query_as!(
        TagState,
        r#"SELECT tenant_id, id, name, description, colour, version, merged_into, deleted_at IS NOT NULL AS "deleted!"
           FROM tag WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) ORDER BY tenant_id, id"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(states)
}

/// Tags in the order of tenant and id, after a pair.
pub async fn after_key(connection: &mut Connection, (tenant, id): Key, limit: i64) -> Result<Vec<Key>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM tag WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        tenant,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
