//! What falls due without a write, and what is due by other goals than when it was written.

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

/// Has a tenant's live, labelled conversations told anew what is due, from the first one on.
pub async fn ask_anew(connection: &mut Connection, tenant_id: Uuid) -> Result<()> {
    sqlx::query!(
        "INSERT INTO due_anew (tenant_id, after_id) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET after_id = excluded.after_id",
        tenant_id,
        Uuid::nil(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a tenant for which that was asked, and says after which conversation to go on; not one that another replica has.
pub async fn next_anew(connection: &mut Connection) -> Result<Option<(Uuid, Uuid)>> {
    let row = sqlx::query!(
        "SELECT tenant_id, after_id FROM due_anew ORDER BY tenant_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.tenant_id, row.after_id)))
}

/// Live, labelled conversations after one, in the order of their ids.
pub async fn labelled(
    connection: &mut Connection,
    tenant_id: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM conversation WHERE tenant_id = $1 AND id > $2 AND status <> 4 AND label_ids <> '{}'
         ORDER BY id LIMIT $3",
        tenant_id,
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Notes how far a tenant's locked walk has come; without a last conversation it is over.
pub async fn went_on(connection: &mut Connection, tenant_id: Uuid, last: Option<Uuid>) -> Result<()> {
    let done = match last {
        Some(last) => {
            sqlx::query!("UPDATE due_anew SET after_id = $2 WHERE tenant_id = $1", tenant_id, last)
                .execute(connection)
                .await?
        }
        None => {
            sqlx::query!("DELETE FROM due_anew WHERE tenant_id = $1", tenant_id).execute(connection).await?
        }
    };
    super::all_written(done.rows_affected(), 1)
}
