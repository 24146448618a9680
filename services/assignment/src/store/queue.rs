//! Whose queue a conversation goes back to.

use std::collections::HashMap;

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// The team into whose queue each conversation goes that an agent does not keep: the team that held it last, else its
/// channel's default team, else the agent's first team by name that sees the channel, each where it exists; `None` is nobody.
/// A conversation that is not known here yet is left out.
pub async fn of_conversations(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    conversation_ids: &[Uuid],
) -> Result<HashMap<Uuid, Option<Uuid>>> {
    let rows = sqlx::query!(
        r#"SELECT c.id, coalesce(
               (SELECT t.id FROM team t WHERE t.tenant_id = c.tenant_id AND t.id = (
                    SELECT h.to_id FROM holder_change h
                    WHERE h.tenant_id = c.tenant_id AND h.conversation_id = c.id AND h.to_kind = 3
                    ORDER BY h.epoch DESC, h.entry_id DESC LIMIT 1)),
               (SELECT t.id FROM channel l JOIN team t ON t.tenant_id = l.tenant_id AND t.id = l.default_team_id
                WHERE l.tenant_id = c.tenant_id AND l.id = c.channel_id),
               (SELECT t.id FROM team_member m JOIN team t ON t.tenant_id = m.tenant_id AND t.id = m.team_id
                WHERE m.tenant_id = c.tenant_id AND m.agent_id = $2
                  AND (t.all_channels OR c.channel_id = ANY (t.channel_ids))
                ORDER BY t.name_folded LIMIT 1)) AS team_id
           FROM conversation c WHERE c.tenant_id = $1 AND c.id = ANY ($3)"#,
        tenant_id,
        agent_id,
        conversation_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.team_id)).collect())
}
