//! The phrases by which a tenant's customers ask for a person.

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// The phrases in their order and their version; none and 0 in the beginning.
pub async fn find(connection: &mut Connection, tenant_id: Uuid) -> Result<(Vec<String>, i64)> {
    let row = sqlx::query!("SELECT phrases, version FROM attention_phrases WHERE tenant_id = $1", tenant_id)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| (row.phrases, row.version)).unwrap_or_default())
}

/// The version alone: whether what a process remembers is still right.
pub async fn version(connection: &mut Connection, tenant_id: Uuid) -> Result<i64> {
    let version =
        sqlx::query_scalar!("SELECT version FROM attention_phrases WHERE tenant_id = $1", tenant_id)
            .fetch_optional(connection)
            .await?;
    Ok(version.unwrap_or_default())
}

/// Replaces phrases of a version. False when they have another by now.
pub async fn save(
    connection: &mut Connection,
    tenant_id: Uuid,
    phrases: &[String],
    version: i64,
) -> Result<bool> {
    let saved = sqlx::query!(
        "INSERT INTO attention_phrases AS a (tenant_id, phrases, version)
         SELECT $1, $2, 1 WHERE $3::bigint = 0 OR EXISTS (SELECT FROM attention_phrases WHERE tenant_id = $1)
         ON CONFLICT (tenant_id) DO UPDATE SET phrases = excluded.phrases, version = a.version + 1
         WHERE a.version = $3",
        tenant_id,
        phrases,
        version,
    )
    .execute(connection)
    .await?;
    Ok(saved.rows_affected() == 1)
}
