//! What agents do not want to be told of. Notifications are filtered where they are written, by `store::notification`.

use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::NotificationKind;

/// The kinds that an agent has muted. A number that this release does not know is left out.
pub async fn find(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
) -> Result<Vec<NotificationKind>> {
    let muted = sqlx::query_scalar!(
        "SELECT muted FROM notification_preference WHERE tenant_id = $1 AND agent_id = $2",
        tenant_id,
        agent_id,
    )
    .fetch_optional(connection)
    .await?
    .unwrap_or_default();
    Ok(muted.into_iter().filter_map(|number| NotificationKind::from_number(number.into())).collect())
}

/// Replaces the kinds that an agent has muted.
pub async fn set(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    muted: &[NotificationKind],
) -> Result<()> {
    let muted: Vec<i16> = muted.iter().map(|kind| kind.number()).collect();
    sqlx::query!(
        "INSERT INTO notification_preference (tenant_id, agent_id, muted) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, agent_id) DO UPDATE SET muted = EXCLUDED.muted",
        tenant_id,
        agent_id,
        &muted,
    )
    .execute(connection)
    .await?;
    Ok(())
}
