use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tandem_database::Result;
use uuid::Uuid;

/// Sets documents aside; tenants, ids and reasons go together.
pub async fn set_aside(
    connection: &mut PgConnection,
    index: &str,
    (tenants, ids, reasons): (&[Uuid], &[String], &[String]),
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO poison (tenant_id, index_name, document_id, reason, at)
         SELECT tenant_id, $4, id, left(reason, 200), $5
         FROM unnest($1::uuid[], $2::text[], $3::text[]) AS refused (tenant_id, id, reason)
         ON CONFLICT (tenant_id, index_name, document_id) DO UPDATE SET reason = excluded.reason, at = excluded.at",
        tenants,
        ids,
        reasons,
        index,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets documents that are about to be sent again.
pub async fn forget(
    connection: &mut PgConnection,
    index: &str,
    tenants: &[Uuid],
    ids: &[String],
) -> Result<()> {
    sqlx::query!(
        "DELETE FROM poison USING unnest($1::uuid[], $2::text[]) AS sent (tenant, id)
         WHERE tenant_id = sent.tenant AND index_name = $3 AND document_id = sent.id",
        tenants,
        ids,
        index,
    )
    .execute(connection)
    .await?;
    Ok(())
}
