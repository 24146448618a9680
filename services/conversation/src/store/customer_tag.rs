//! Tags of customers that became others or are no more, as customer-profile tells of them. A tag that is not here stands for
//! itself.

use std::collections::{BTreeSet, HashMap};

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// A tag as customer-profile tells of it.
#[derive(Debug, Clone)]
pub struct Tag {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub merged_into: Option<Uuid>,
    pub deleted: bool,
    pub version: i64,
}

/// What no customer carries: what a deleted tag means to a filter.
const NOBODYS: Uuid = Uuid::nil();

/// Keeps tags, and answers whose filters mean something else from now on.
pub async fn apply(connection: &mut Connection, generation: i64, tags: &[Tag]) -> Result<BTreeSet<Uuid>> {
    if tags.is_empty() {
        return Ok(BTreeSet::new());
    }
    let tenants: Vec<Uuid> = tags.iter().map(|tag| tag.tenant_id).collect();
    let ids: Vec<Uuid> = tags.iter().map(|tag| tag.id).collect();
    let merged: Vec<Option<Uuid>> = tags.iter().map(|tag| tag.merged_into).collect();
    let deleted: Vec<bool> = tags.iter().map(|tag| tag.deleted).collect();
    let versions: Vec<i64> = tags.iter().map(|tag| tag.version).collect();
    let changed = sqlx::query_scalar!(
        r#"WITH n AS (
               SELECT n.*, o.merged_into IS DISTINCT FROM n.merged_into OR coalesce(o.deleted, false) <> n.deleted AS other
               FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::boolean[], $5::bigint[])
                    AS n (tenant_id, id, merged_into, deleted, version)
               LEFT JOIN customer_tag o ON o.tenant_id = n.tenant_id AND o.id = n.id),
             written AS (
               INSERT INTO customer_tag (tenant_id, id, merged_into, deleted, generation, version)
               SELECT tenant_id, id, merged_into, deleted, $6, version FROM n
               ON CONFLICT (tenant_id, id) DO UPDATE SET merged_into = excluded.merged_into,
                   deleted = excluded.deleted, generation = excluded.generation, version = excluded.version
               WHERE (customer_tag.generation, customer_tag.version) < (excluded.generation, excluded.version)
               RETURNING tenant_id, id)
           SELECT DISTINCT n.tenant_id AS "tenant_id!" FROM n JOIN written USING (tenant_id, id) WHERE n.other"#,
        &tenants,
        &ids,
        &merged as &[Option<Uuid>],
        &deleted,
        &versions,
        generation,
    )
    .fetch_all(connection)
    .await?;
    Ok(changed.into_iter().collect())
}

/// Ends a rebuild.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM customer_tag WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}

/// For each id every id that stands for the same tag, itself included; for one that is not known itself alone.
pub async fn groups(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    let mut groups: HashMap<Uuid, Vec<Uuid>> = ids.iter().map(|id| (*id, vec![*id])).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.id AS "asked!", member.id AS "member!", stands.deleted IS TRUE AS "deleted!"
           FROM (
               SELECT given.id, coalesce(t.merged_into, given.id) AS stands_id
               FROM unnest($2::uuid[]) AS given (id)
               LEFT JOIN customer_tag t ON t.tenant_id = $1 AND t.id = given.id) AS asked
           LEFT JOIN customer_tag stands ON stands.tenant_id = $1 AND stands.id = asked.stands_id
           CROSS JOIN LATERAL (
               SELECT asked.stands_id AS id
               UNION ALL
               SELECT m.id FROM customer_tag m WHERE m.tenant_id = $1 AND m.merged_into = asked.stands_id) AS member
           WHERE member.id <> asked.id OR stands.deleted ORDER BY member.id"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        if row.deleted {
            groups.insert(row.asked, vec![NOBODYS]);
        } else {
            groups.entry(row.asked).or_default().push(row.member);
        }
    }
    Ok(groups)
}

/// Replaces ids of merged tags by the tags that stayed, each once, and leaves deleted ones out, in lists of tag ids.
pub async fn resolve<'a>(
    connection: &mut Connection,
    tenant_id: Uuid,
    carried: impl IntoIterator<Item = &'a mut Vec<Uuid>>,
) -> Result<()> {
    let carried: Vec<&mut Vec<Uuid>> = carried.into_iter().filter(|tags| !tags.is_empty()).collect();
    if carried.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<Uuid> = carried.iter().flat_map(|tags| tags.iter().copied()).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = sqlx::query!(
        "SELECT id, merged_into, deleted FROM customer_tag
         WHERE tenant_id = $1 AND id = ANY ($2) AND (deleted OR merged_into IS NOT NULL)",
        tenant_id,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let other: HashMap<Uuid, Option<Uuid>> =
        rows.into_iter().map(|row| (row.id, row.merged_into.filter(|_| !row.deleted))).collect();
    for tags in carried {
        let meant: BTreeSet<Uuid> =
            tags.iter().filter_map(|id| other.get(id).copied().unwrap_or(Some(*id))).collect();
        *tags = meant.into_iter().collect();
    }
    Ok(())
}
