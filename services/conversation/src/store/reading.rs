//! What agents have seen: a watermark over customer activity with exceptions both ways, read above it and unread below it.

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Exceptions that are written between two compactions.
const COMPACT_AFTER: i32 = 1_000;
/// Reads above the watermark that a compaction folds into it, oldest first.
const FOLDED: i64 = 500;
/// Unread conversations that a compaction may leave below the watermark as exceptions. Of more, the watermark stays
/// where it is: who leaves that much unread has no compact state.
const LEFT_UNREAD: i64 = 1_000;

/// Notes that an agent has seen a conversation up to a number, or, with `unread`, that it has not.
pub async fn set(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    conversation_id: Uuid,
    number: i64,
    unread: bool,
) -> Result<()> {
    // The row's lock puts what one agent reads in an order.
    let mark = sqlx::query!(
        "INSERT INTO read_watermark AS w (tenant_id, agent_id, number, written) VALUES ($1, $2, 0, 1)
         ON CONFLICT (tenant_id, agent_id) DO UPDATE SET written = w.written + 1
         RETURNING number, written",
        tenant_id,
        agent_id,
    )
    .fetch_one(&mut *connection)
    .await?;
    if !unread && number <= mark.number {
        // Seen by the watermark alone.
        sqlx::query!(
            "DELETE FROM read_exception WHERE tenant_id = $1 AND agent_id = $2 AND conversation_id = $3",
            tenant_id,
            agent_id,
            conversation_id,
        )
        .execute(connection)
        .await?;
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO read_exception (tenant_id, agent_id, conversation_id, number, unread)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, agent_id, conversation_id) DO UPDATE SET number = excluded.number, unread = excluded.unread
         WHERE read_exception.number <= excluded.number",
        tenant_id,
        agent_id,
        conversation_id,
        number,
        unread,
    )
    .execute(&mut *connection)
    .await?;
    if mark.written > COMPACT_AFTER {
        compact(connection, tenant_id, agent_id).await?;
    }
    Ok(())
}

/// Notes that an agent has seen a part of what is unread: how much is left is told by it, that it is unread stays.
pub async fn set_part(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    conversation_id: Uuid,
    number: i64,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO read_exception (tenant_id, agent_id, conversation_id, number, unread)
         SELECT $1, $2, $3, $4, false
         WHERE $4 > coalesce((SELECT number FROM read_watermark WHERE tenant_id = $1 AND agent_id = $2), 0)
         ON CONFLICT (tenant_id, agent_id, conversation_id) DO UPDATE SET number = excluded.number
         WHERE NOT read_exception.unread AND read_exception.number < excluded.number",
        tenant_id,
        agent_id,
        conversation_id,
        number,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the watermark over the oldest reads above it. What is unread in between becomes an exception below it; a number
/// that a transaction may still bring stays above it. The caller holds the watermark's row lock.
async fn compact(connection: &mut Connection, tenant_id: Uuid, agent_id: Uuid) -> Result<()> {
    let target = sqlx::query_scalar!(
        r#"SELECT least((SELECT number FROM activity_floor),
                (SELECT max(number) FROM (SELECT number FROM read_exception
                 WHERE tenant_id = $1 AND agent_id = $2 AND NOT unread ORDER BY number LIMIT $3) AS oldest)) AS number"#,
        tenant_id,
        agent_id,
        FOLDED,
    )
    .fetch_one(&mut *connection)
    .await?
    .unwrap_or_default();
    let left: Vec<(Uuid, i64)> = sqlx::query!(
        "SELECT c.id, c.activity_number FROM conversation c, read_watermark w
         WHERE w.tenant_id = $1 AND w.agent_id = $2 AND c.tenant_id = $1
           AND c.activity_number > w.number AND c.activity_number <= $3
           AND NOT EXISTS (SELECT FROM read_exception s WHERE s.tenant_id = $1 AND s.agent_id = $2
                           AND s.conversation_id = c.id AND s.number >= c.activity_number AND NOT s.unread)
         LIMIT $4",
        tenant_id,
        agent_id,
        target,
        LEFT_UNREAD + 1,
    )
    .fetch_all(&mut *connection)
    .await?
    .into_iter()
    .map(|row| (row.id, row.activity_number))
    .collect();
    let moves = i64::try_from(left.len()).is_ok_and(|left| left <= LEFT_UNREAD);
    if moves {
        let (ids, numbers): (Vec<Uuid>, Vec<i64>) = left.into_iter().unzip();
        sqlx::query!(
            "INSERT INTO read_exception (tenant_id, agent_id, conversation_id, number, unread)
             SELECT $1, $2, n.*, true FROM unnest($3::uuid[], $4::bigint[]) AS n
             ON CONFLICT (tenant_id, agent_id, conversation_id) DO UPDATE SET number = excluded.number, unread = true",
            tenant_id,
            agent_id,
            &ids,
            &numbers,
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "DELETE FROM read_exception WHERE tenant_id = $1 AND agent_id = $2 AND NOT unread AND number <= $3",
            tenant_id,
            agent_id,
            target,
        )
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query!(
        "UPDATE read_watermark SET number = CASE WHEN $4 THEN greatest(number, $3) ELSE number END,
             written = (SELECT least(count(*), $5) FROM (SELECT FROM read_exception
                        WHERE tenant_id = $1 AND agent_id = $2 AND NOT unread AND number > $3 LIMIT $5) AS above)
         WHERE tenant_id = $1 AND agent_id = $2",
        tenant_id,
        agent_id,
        target,
        moves,
        i64::from(COMPACT_AFTER) / 2,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Raises the floor below which no number of customer activity can still appear, as far as ended transactions allow, and
/// notes where it may go next. In a transaction of its own: each statement needs a snapshot of its own, and the number must
/// be read before the snapshot that tells which transactions run.
pub async fn raise_floor(connection: &mut Connection) -> Result<()> {
    let mine = sqlx::query_scalar!("SELECT only_row FROM activity_floor FOR UPDATE SKIP LOCKED")
        .fetch_optional(&mut *connection)
        .await?;
    if mine.is_none() {
        return Ok(());
    }
    let taken = sqlx::query_scalar!(
        r#"SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS "number!" FROM customer_activity"#
    )
    .fetch_one(&mut *connection)
    .await?;
    // A restored database counts its transactions anew: then none of those that ran is left.
    sqlx::query!(
        "UPDATE activity_floor SET number = greatest(number, pending_number), pending_number = $1,
             pending_xid = pg_snapshot_xmax(pg_current_snapshot())
         WHERE pg_snapshot_xmin(pg_current_snapshot()) >= pending_xid
            OR pending_xid > pg_snapshot_xmax(pg_current_snapshot())",
        taken,
    )
    .execute(connection)
    .await?;
    Ok(())
}
