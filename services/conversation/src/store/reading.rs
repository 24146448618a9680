//! What agents have seen: a watermark over customer activity with exceptions both ways.

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Notes that an agent has seen a conversation up to a number, or, with `unread`, that it has not.
pub async fn set(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    conversation_id: Uuid,
    number: i64,
    unread: bool,
) -> Result<()> {
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
    .execute(connection)
    .await?;
    Ok(())
}
