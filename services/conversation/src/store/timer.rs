//! Conversations that a timer may concern, read unlocked: whoever acts locks them and checks again.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Live conversations whose channel closes them for silence, oldest first. A snoozed one is silent on purpose.
pub async fn silent(
    connection: &mut Connection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT c.tenant_id, c.id FROM channel ch
         CROSS JOIN LATERAL (
             SELECT c.tenant_id, c.id, c.last_activity_at FROM conversation c
             WHERE c.tenant_id = ch.tenant_id AND c.channel_id = ch.id AND c.status <> 4 AND c.status <> 3
               AND c.last_activity_at < $1::timestamptz - ch.close_after_silence_s * interval '1 second'
             ORDER BY c.last_activity_at LIMIT $2) AS c
         WHERE ch.close_after_silence_s IS NOT NULL ORDER BY c.last_activity_at LIMIT $2",
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Snoozed conversations whose time has come, in the order of their times.
pub async fn waking(
    connection: &mut Connection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM conversation WHERE status = 3 AND snoozed_until <= $1 ORDER BY snoozed_until LIMIT $2",
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
