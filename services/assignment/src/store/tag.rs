//! Tags of customers that became others or are no more, as customer-profile tells of them: rules that name one that was merged
//! mean the one that stayed. A tag that is not here stands for itself.

use tandem_database::{Connection, Result};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct Tag {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub merged_into: Option<Uuid>,
    pub deleted: bool,
    pub version: i64,
}

/// Keeps tags, the newest state of each.
pub async fn upsert(connection: &mut Connection, generation: i64, tags: &[Tag]) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = tags.iter().map(|tag| tag.tenant_id).collect();
    let ids: Vec<Uuid> = tags.iter().map(|tag| tag.id).collect();
    let merged: Vec<Option<Uuid>> = tags.iter().map(|tag| tag.merged_into).collect();
    let deleted: Vec<bool> = tags.iter().map(|tag| tag.deleted).collect();
    let versions: Vec<i64> = tags.iter().map(|tag| tag.version).collect();
    sqlx::query!(
        "INSERT INTO tag AS old (tenant_id, id, merged_into, deleted, generation, version)
         SELECT n.tenant_id, n.id, n.merged_into, n.deleted, $6, n.version
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::boolean[], $5::bigint[])
              AS n (tenant_id, id, merged_into, deleted, version)
         ON CONFLICT (tenant_id, id) DO UPDATE SET merged_into = EXCLUDED.merged_into, deleted = EXCLUDED.deleted,
             generation = EXCLUDED.generation, version = EXCLUDED.version
         WHERE (old.generation, old.version) < (EXCLUDED.generation, EXCLUDED.version)",
        &tenants,
        &ids,
        &merged as &[Option<Uuid>],
        &deleted,
        &versions,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What tags stand for, each once, in their order.
pub async fn meant(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let meant = sqlx::query_scalar!(
        r#"SELECT coalesce(g.merged_into, named.id) AS "id!"
           FROM unnest($2::uuid[]) WITH ORDINALITY AS named (id, n)
           LEFT JOIN tag g ON g.tenant_id = $1 AND g.id = named.id
           GROUP BY 1 ORDER BY min(named.n)"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(meant)
}

/// Ends a rebuild.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM tag WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}
