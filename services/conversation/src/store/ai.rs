//! What the AI holds and has not answered.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Leases waiting conversations to one worker, longest waiting first; people put a snoozed one aside. Answers their ids.
pub async fn lease(
    connection: &mut Connection,
    tenant_id: Uuid,
    channel_ids: &[Uuid],
    worker: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "WITH free AS (
             SELECT id FROM conversation
             WHERE tenant_id = $1 AND holder_kind = 1 AND waiting_since IS NOT NULL AND status <> 4 AND status <> 3
               AND (ai_lease_until IS NULL OR ai_lease_until <= $4)
               AND (cardinality($2::uuid[]) = 0 OR channel_id = ANY($2))
             ORDER BY waiting_since, id LIMIT $6 FOR NO KEY UPDATE SKIP LOCKED)
         UPDATE conversation c SET ai_lease = $3, ai_lease_until = $5
         FROM free WHERE c.tenant_id = $1 AND c.id = free.id RETURNING c.id",
        tenant_id,
        channel_ids,
        worker,
        now,
        until,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// How many leases a worker holds on conversations that still wait.
pub async fn held(
    connection: &mut Connection,
    tenant_id: Uuid,
    worker: Uuid,
    now: DateTime<Utc>,
) -> Result<i64> {
    let held = sqlx::query_scalar!(
        r#"SELECT count(*) AS "held!" FROM conversation
           WHERE tenant_id = $1 AND holder_kind = 1 AND waiting_since IS NOT NULL AND status <> 4
             AND ai_lease = $2 AND ai_lease_until > $3"#,
        tenant_id,
        worker,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(held)
}

/// Gives a worker's leases back, so that another goes on at once.
pub async fn release(connection: &mut Connection, tenant_id: Uuid, worker: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE conversation SET ai_lease = NULL, ai_lease_until = NULL
         WHERE tenant_id = $1 AND holder_kind = 1 AND waiting_since IS NOT NULL AND status <> 4 AND ai_lease = $2",
        tenant_id,
        worker,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the leases of locked conversations: they were answered, or changed hands, or have something new to answer.
pub async fn end(connection: &mut Connection, tenant_id: Uuid, conversation_ids: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "UPDATE conversation SET ai_lease = NULL, ai_lease_until = NULL
         WHERE tenant_id = $1 AND id = ANY($2) AND ai_lease IS NOT NULL",
        tenant_id,
        conversation_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Conversations that the AI has left unanswered past their channel's time; read unlocked, checked again under the lock.
pub async fn silent(
    connection: &mut Connection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT c.tenant_id, c.id FROM channel ch
         CROSS JOIN LATERAL (
             SELECT c.tenant_id, c.id, c.waiting_since FROM conversation c
             WHERE c.tenant_id = ch.tenant_id AND c.channel_id = ch.id AND c.holder_kind = 1 AND c.status <> 4
                AND c.status <> 3
               AND c.waiting_since < $1::timestamptz - ch.ai_answer_s * interval '1 second'
             ORDER BY c.waiting_since LIMIT $2) AS c
         WHERE ch.ai_answer_s IS NOT NULL ORDER BY c.waiting_since LIMIT $2",
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// What the AI holds on a channel whose AI was switched off.
pub async fn held_without_ai(connection: &mut Connection, limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT c.tenant_id, c.id FROM channel ch
         CROSS JOIN LATERAL (
             SELECT c.tenant_id, c.id FROM conversation c
             WHERE c.tenant_id = ch.tenant_id AND c.channel_id = ch.id AND c.holder_kind = 1 AND c.status <> 4
             LIMIT $1) AS c
         WHERE NOT ch.ai_enabled LIMIT $1",
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
