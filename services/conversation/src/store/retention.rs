//! How long tenants keep closed conversations.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Days from the close; 0 for good.
pub async fn find(connection: &mut Connection, tenant_id: Uuid) -> Result<i32> {
    let days = sqlx::query_scalar!("SELECT closed_days FROM retention WHERE tenant_id = $1", tenant_id)
        .fetch_optional(connection)
        .await?;
    Ok(days.unwrap_or_default())
}

pub async fn save(connection: &mut Connection, tenant_id: Uuid, closed_days: i32) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM retention WHERE tenant_id = $1 AND $2 = 0)
         INSERT INTO retention (tenant_id, closed_days) SELECT $1, $2 WHERE $2 > 0
         ON CONFLICT (tenant_id) DO UPDATE SET closed_days = excluded.closed_days",
        tenant_id,
        closed_days,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Conversations that have been closed for longer than their tenant keeps them, the oldest of each.
pub async fn due(connection: &mut Connection, now: DateTime<Utc>, limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT r.tenant_id, c.id FROM retention r
         CROSS JOIN LATERAL (
             SELECT id FROM conversation c
             WHERE c.tenant_id = r.tenant_id AND c.status = 4 AND c.erased_at IS NULL
               AND c.closed_at < $1::timestamptz - make_interval(days => r.closed_days)
             ORDER BY c.closed_at LIMIT $2) AS c
         LIMIT $2",
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
