//! Response goals of tenants.

use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::goals::{Goals, Stored, zone};

/// A tenant's goals, or the defaults in version 0.
pub async fn find(connection: &mut Connection, tenant_id: Uuid) -> Result<Goals> {
    let row =
        sqlx::query!("SELECT time_zone, goals, version FROM response_goals WHERE tenant_id = $1", tenant_id)
            .fetch_optional(connection)
            .await?;
    let Some(row) = row else { return Ok(Goals::default()) };
    let stored: Stored = serde_json::from_value(row.goals).map_err(Fault::internal)?;
    Ok(Goals {
        targets: stored.targets,
        hours: stored.hours,
        labels: stored.labels,
        zone: zone(&row.time_zone),
        version: row.version,
    })
}

/// Replaces goals of a version. False when they have another by now.
pub async fn save(connection: &mut Connection, tenant_id: Uuid, goals: &Goals) -> Result<bool> {
    let stored = Stored { targets: goals.targets, hours: goals.hours.clone(), labels: goals.labels.clone() };
    let stored = serde_json::to_value(stored).map_err(Fault::internal)?;
    let saved = sqlx::query!(
        "INSERT INTO response_goals AS g (tenant_id, time_zone, goals, version)
         SELECT $1, $2, $3, 1 WHERE $4::bigint = 0 OR EXISTS (SELECT FROM response_goals WHERE tenant_id = $1)
         ON CONFLICT (tenant_id) DO UPDATE SET time_zone = excluded.time_zone, goals = excluded.goals,
             version = g.version + 1
         WHERE g.version = $4",
        tenant_id,
        goals.zone.name(),
        stored,
        goals.version,
    )
    .execute(connection)
    .await?;
    Ok(saved.rows_affected() == 1)
}
