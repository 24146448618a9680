//! Customers and the pointers between them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::model::{Customer, Edits, Key, Standing};

/// Makes customers that are not there yet.
pub async fn ensure(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(keys);
    sqlx::query!(
        "INSERT INTO customer (tenant_id, id, version)
         SELECT k.tenant_id, k.id, nextval('customer_version')
         FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
         WHERE NOT EXISTS (SELECT 1 FROM customer c WHERE c.tenant_id = k.tenant_id AND c.id = k.id)
         ON CONFLICT DO NOTHING",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One step to the neighbours of customers: those of the same merged set so far, those that people merged with them, those
/// with a contact of the same verified id of the business's own, those whose contacts alias each other, and those who were
/// erased together.
pub async fn neighbours(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<Vec<Key>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"WITH s AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)),
                mine AS (SELECT k.tenant_id, k.id, k.canonical_id
                         FROM s JOIN contact k ON k.tenant_id = s.tenant_id AND k.customer_id = s.id)
           SELECT tenant_id AS "tenant_id!", id AS "id!" FROM (
               SELECT c.tenant_id, coalesce(c.merged_into, c.id) AS id
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.id
               UNION
               SELECT c.tenant_id, c.id
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.merged_into = s.id
               UNION
               SELECT m.tenant_id, m.merged_id
               FROM s JOIN customer_merge m ON m.tenant_id = s.tenant_id AND m.survivor_id = s.id
               WHERE m.undone_at IS NULL
               UNION
               SELECT m.tenant_id, m.survivor_id
               FROM s JOIN customer_merge m ON m.tenant_id = s.tenant_id AND m.merged_id = s.id
               WHERE m.undone_at IS NULL
               UNION
               SELECT k.tenant_id, k.customer_id
               FROM mine
               JOIN contact_external_id a ON a.tenant_id = mine.tenant_id AND a.contact_id = mine.id
               JOIN contact_external_id b ON b.tenant_id = a.tenant_id AND b.value = a.value
               JOIN contact k ON k.tenant_id = b.tenant_id AND k.id = b.contact_id
               UNION
               SELECT k.tenant_id, k.customer_id
               FROM mine JOIN contact k ON k.tenant_id = mine.tenant_id AND k.id = mine.canonical_id
               UNION
               SELECT k.tenant_id, k.customer_id
               FROM mine JOIN contact k ON k.tenant_id = mine.tenant_id AND k.canonical_id = mine.id
               UNION
               SELECT e.tenant_id, unnest(e.customer_ids)
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.id
               JOIN erasure e ON e.tenant_id = c.tenant_id AND e.id = c.erasure_id
           ) AS next"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Reads customers and locks them in the order of their keys.
pub async fn lock(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<Vec<Customer>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT tenant_id, id, merged_into, corrected_name, name, name_corrected, channel_ids, first_contact_at,
                edit_version, erased_at IS NOT NULL AS "erased!"
         FROM customer
         WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         ORDER BY tenant_id, id FOR UPDATE"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Customer {
            key: (row.tenant_id, row.id),
            corrected_name: row.corrected_name,
            edit_version: row.edit_version,
            erased: row.erased,
            standing: Standing {
                merged_into: row.merged_into,
                name: row.name,
                name_corrected: row.name_corrected,
                channel_ids: row.channel_ids,
                first_contact_at: row.first_contact_at,
            },
        })
        .collect())
}

/// The channels by which those are found who stand for customers now.
pub async fn channels(connection: &mut Connection, keys: &[Key]) -> Result<BTreeMap<Key, Vec<Uuid>>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        "SELECT c.tenant_id, c.id, root.channel_ids
         FROM customer c JOIN customer root ON root.tenant_id = c.tenant_id AND root.id = coalesce(c.merged_into, c.id)
         WHERE (c.tenant_id, c.id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.id), row.channel_ids)).collect())
}

/// Locks the customer that stands for an id, and keeps no lock when another stands for it by then: whoever waits here must
/// not hold a row that a merge has to lock before the one that we want.
pub async fn lock_root(
    connection: &mut Connection,
    (tenant, id): Key,
    root: Key,
) -> Result<Option<Customer>> {
    let mut savepoint = sqlx::Connection::begin(connection).await?;
    let locked = lock(&mut savepoint, &[root].into()).await?;
    let customer = locked.into_iter().next().filter(|customer| customer.standing.merged_into.is_none());
    // Pointers to a locked row stand still.
    let stands = (tenant, id) == root
        || resolve(&mut savepoint, (tenant, id)).await?.is_some_and(|(now, _)| now == root.1);
    match customer {
        Some(customer) if stands => {
            savepoint.commit().await?;
            Ok(Some(customer))
        }
        _ => {
            savepoint.rollback().await?;
            Ok(None)
        }
    }
}

/// The customers of a merged set, by the one that stands for it.
pub async fn members(connection: &mut Connection, root: Key) -> Result<Vec<Uuid>> {
    let members = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM customer WHERE tenant_id = $1 AND id = $2
           UNION ALL
           SELECT id FROM customer WHERE tenant_id = $1 AND merged_into = $2"#,
        root.0,
        root.1,
    )
    .fetch_all(connection)
    .await?;
    Ok(members)
}

/// The customer that an id resolves to, with the channels that it is found by.
pub async fn resolve(connection: &mut Connection, (tenant, id): Key) -> Result<Option<(Uuid, Vec<Uuid>)>> {
    let row = sqlx::query!(
        "SELECT root.id, root.channel_ids
         FROM customer c JOIN customer root ON root.tenant_id = c.tenant_id AND root.id = coalesce(c.merged_into, c.id)
         WHERE c.tenant_id = $1 AND c.id = $2",
        tenant,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.id, row.channel_ids)))
}

/// For each id that exists: itself, who stands for it, and the channels that this one is found by.
pub async fn resolve_all(
    connection: &mut Connection,
    tenant: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid, Vec<Uuid>)>> {
    let rows = sqlx::query!(
        "SELECT c.id AS asked, root.id, root.channel_ids
         FROM customer c JOIN customer root ON root.tenant_id = c.tenant_id AND root.id = coalesce(c.merged_into, c.id)
         WHERE c.tenant_id = $1 AND c.id = ANY ($2)",
        tenant,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.asked, row.id, row.channel_ids)).collect())
}

/// The customers of merged sets: who stands for each, by its id.
pub async fn members_of(connection: &mut Connection, roots: &BTreeSet<Key>) -> Result<BTreeMap<Uuid, Uuid>> {
    let (tenants, ids) = split(roots);
    let rows = sqlx::query!(
        r#"SELECT c.id AS "id!", coalesce(c.merged_into, c.id) AS "root!"
           FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
           CROSS JOIN LATERAL (
               SELECT id, merged_into FROM customer WHERE tenant_id = s.tenant_id AND id = s.id
               UNION ALL
               SELECT id, merged_into FROM customer WHERE tenant_id = s.tenant_id AND merged_into = s.id) AS c"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.root)).collect())
}

/// Writes where customers of locked rows stand, and takes a version for each.
pub async fn place(connection: &mut Connection, placed: &[(Key, Standing)]) -> Result<Vec<(Key, i64)>> {
    let (tenants, ids) = split(placed.iter().map(|(key, _)| key));
    let (mut into, mut names, mut corrected, mut first) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // PostgreSQL has no ragged arrays: pairs of row number and channel.
    let (mut owners, mut channels) = (Vec::new(), Vec::new());
    for (number, (_, standing)) in (1_i64..).zip(placed) {
        into.push(standing.merged_into);
        names.push(standing.name.clone());
        corrected.push(standing.name_corrected);
        first.push(standing.first_contact_at);
        owners.extend(standing.channel_ids.iter().map(|_| number));
        channels.extend(standing.channel_ids.iter().copied());
    }
    let rows = sqlx::query!(
        "UPDATE customer c SET
             merged_into = p.merged_into, name = p.name, name_corrected = p.name_corrected,
             sort_name = CASE p.name WHEN '' THEN U&'\\FFFF' ELSE p.name END,
             channel_ids = ARRAY (SELECT o.channel_id FROM unnest($7::bigint[], $8::uuid[]) AS o (n, channel_id)
                                  WHERE o.n = p.n ORDER BY o.channel_id),
             first_contact_at = p.first_contact_at, version = nextval('customer_version')
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::timestamptz[])
              WITH ORDINALITY AS p (tenant_id, id, merged_into, name, name_corrected, first_contact_at, n)
         WHERE c.tenant_id = p.tenant_id AND c.id = p.id
         RETURNING c.tenant_id, c.id, c.version",
        &tenants,
        &ids,
        &into as &[Option<Uuid>],
        &names,
        &corrected,
        &first as &[Option<DateTime<Utc>>],
        &owners,
        &channels,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.id), row.version)).collect())
}

/// Takes a new version for the customers that contacts belong to now, and their last contact. Told to nobody: only their
/// counts changed. Rows are locked in the order of their keys, as merges lock them.
pub async fn count_again(connection: &mut Connection, contacts: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(contacts);
    sqlx::query!(
        "WITH locked AS (
             SELECT tenant_id, id FROM customer
             WHERE (tenant_id, id) IN (
                 SELECT c.tenant_id, coalesce(c.merged_into, c.id)
                 FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
                 JOIN contact ON contact.tenant_id = k.tenant_id AND contact.id = k.id
                 JOIN customer c ON c.tenant_id = contact.tenant_id AND c.id = contact.customer_id)
             ORDER BY tenant_id, id FOR UPDATE)
         UPDATE customer r SET
             version = nextval('customer_version'),
             last_contact_at = (
                 SELECT max(t.last_activity_at)
                 FROM (SELECT r.id UNION ALL
                       SELECT m.id FROM customer m WHERE m.tenant_id = r.tenant_id AND m.merged_into = r.id) AS m
                 JOIN contact k ON k.tenant_id = r.tenant_id AND k.customer_id = m.id
                 JOIN contact_totals t ON t.tenant_id = k.tenant_id AND t.contact_id = k.id)
         FROM locked WHERE r.tenant_id = locked.tenant_id AND r.id = locked.id",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what people said of a customer whose row is locked, and what the set says with it. Answers the version.
pub async fn edit(
    connection: &mut Connection,
    (tenant, id): Key,
    edits: &Edits,
    standing: &Standing,
) -> Result<i64> {
    let version = sqlx::query_scalar!(
        "UPDATE customer SET
             corrected_name = coalesce($3, corrected_name), language = coalesce($4, language),
             time_zone = coalesce($5, time_zone), company = coalesce($6, company),
             said_category = coalesce($9, said_category),
             name = $7, name_corrected = $8, sort_name = CASE $7 WHEN '' THEN U&'\\FFFF' ELSE $7 END,
             edit_version = edit_version + 1, version = nextval('customer_version')
         WHERE tenant_id = $1 AND id = $2 RETURNING version",
        tenant,
        id,
        edits.display_name,
        edits.language,
        edits.time_zone,
        edits.company,
        standing.name,
        standing.name_corrected,
        edits.category,
    )
    .fetch_one(connection)
    .await?;
    Ok(version)
}

/// Takes new versions of customers whose rows are locked; `edited` changes their etags too. Answers them in the order of the
/// keys.
pub async fn touch(
    connection: &mut Connection,
    keys: &BTreeSet<Key>,
    edited: bool,
) -> Result<Vec<(Key, i64)>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        "UPDATE customer SET version = nextval('customer_version'), edit_version = edit_version + $3
         WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) RETURNING tenant_id, id, version",
        &tenants,
        &ids,
        i64::from(edited),
    )
    .fetch_all(connection)
    .await?;
    let mut versions: Vec<(Key, i64)> =
        rows.into_iter().map(|row| ((row.tenant_id, row.id), row.version)).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Changes the etags of customers whose rows are locked: people touched them.
pub async fn edited(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(keys);
    sqlx::query!(
        "UPDATE customer SET edit_version = edit_version + 1
         WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes those of `keys` that are left without a contact and that no person ever touched. Answers them, each with the
/// version of its end.
pub async fn remove_empty(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<Vec<(Key, i64)>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"DELETE FROM customer c
           WHERE (c.tenant_id, c.id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
             AND c.edit_version = 1 AND c.merged_into IS NULL
             AND NOT EXISTS (SELECT 1 FROM contact k WHERE k.tenant_id = c.tenant_id AND k.customer_id = c.id)
             AND NOT EXISTS (SELECT 1 FROM customer m WHERE m.tenant_id = c.tenant_id AND m.merged_into = c.id)
             AND NOT EXISTS (SELECT 1 FROM note n WHERE n.tenant_id = c.tenant_id AND n.customer_id = c.id)
             AND NOT EXISTS (SELECT 1 FROM note_revision n WHERE n.tenant_id = c.tenant_id AND n.customer_id = c.id)
             AND NOT EXISTS (SELECT 1 FROM customer_tag t WHERE t.tenant_id = c.tenant_id AND t.customer_id = c.id)
           RETURNING c.tenant_id, c.id, nextval('customer_version') AS "version!""#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.id), row.version)).collect())
}

/// Where a customer stands in the order of names, whether merged or not.
pub async fn sort_name(connection: &mut Connection, (tenant, id): Key) -> Result<Option<String>> {
    let name =
        sqlx::query_scalar!("SELECT sort_name FROM customer WHERE tenant_id = $1 AND id = $2", tenant, id)
            .fetch_optional(connection)
            .await?;
    Ok(name)
}

/// Customers in the order of tenant and id, after a pair.
pub async fn after_key(connection: &mut Connection, (tenant, id): Key, limit: i64) -> Result<Vec<Key>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM customer WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        tenant,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
