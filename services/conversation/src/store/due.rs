//! What falls due without a write.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Conversations whose answer fell due after one instant and up to another, oldest first.
pub async fn between(
    connection: &mut Connection,
    tenant_id: Uuid,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, DateTime<Utc>)>> {
    let rows = sqlx::query!(
        r#"SELECT id, due_at AS "due_at!" FROM conversation
           WHERE tenant_id = $1 AND due_at > $2 AND due_at <= $3 ORDER BY due_at LIMIT $4"#,
        tenant_id,
        after,
        until,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.due_at)).collect())
}
