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

/// How many documents of a tenant are set aside.
pub async fn count(connection: &mut PgConnection, index: &str, tenant: Uuid) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM poison WHERE tenant_id = $1 AND index_name = $2"#,
        tenant,
        index,
    );
    Ok(count.fetch_one(connection).await?)
}

/// Those of some documents that were set aside.
pub async fn among(
    connection: &mut PgConnection,
    index: &str,
    tenants: &[Uuid],
    ids: &[String],
) -> Result<Vec<String>> {
    let rows = sqlx::query_scalar!(
        "SELECT document_id FROM poison JOIN unnest($1::uuid[], $2::text[]) AS asked (tenant, id)
         ON tenant_id = asked.tenant AND document_id = asked.id WHERE index_name = $3",
        tenants,
        ids,
        index,
    );
    Ok(rows.fetch_all(connection).await?)
}
