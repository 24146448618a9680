//! Events that came before what they are about: bounded in number a target here, in age by the tick.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::dedup::Key;

/// Events that wait for one target; more are dropped.
const MOST_WAITING: i64 = 32;

/// An event that waits for its target.
#[derive(Debug)]
pub struct Early {
    pub id: Uuid,
    pub target: Key,
    pub event: Value,
}

pub async fn insert(
    connection: &mut Connection,
    tenant_id: Uuid,
    events: Vec<Early>,
    now: DateTime<Utc>,
) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let channels: Vec<Uuid> = events.iter().map(|event| event.target.0).collect();
    let keys: Vec<Vec<u8>> = events.iter().map(|event| event.target.1.to_vec()).collect();
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let bodies: Vec<Value> = events.into_iter().map(|event| event.event).collect();
    sqlx::query!(
        "INSERT INTO early_event (tenant_id, channel_id, target_key, id, event, created_at)
         SELECT $1, n.channel_id, n.key, n.id, n.event, $6
         FROM unnest($2::uuid[], $3::bytea[], $4::uuid[], $5::jsonb[]) AS n (channel_id, key, id, event)
         WHERE (SELECT count(*) FROM early_event e
                WHERE e.tenant_id = $1 AND e.channel_id = n.channel_id AND e.target_key = n.key) < $7",
        tenant_id,
        &channels,
        &keys,
        &ids,
        &bodies,
        now,
        MOST_WAITING,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the events that wait for targets, oldest first.
pub async fn take(connection: &mut Connection, tenant_id: Uuid, targets: &[Key]) -> Result<Vec<Early>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let channels: Vec<Uuid> = targets.iter().map(|target| target.0).collect();
    let keys: Vec<Vec<u8>> = targets.iter().map(|target| target.1.to_vec()).collect();
    let rows = sqlx::query!(
        "DELETE FROM early_event e USING unnest($2::uuid[], $3::bytea[]) AS wanted (channel_id, key)
         WHERE e.tenant_id = $1 AND e.channel_id = wanted.channel_id AND e.target_key = wanted.key
         RETURNING e.id, e.channel_id, e.target_key, e.event",
        tenant_id,
        &channels,
        &keys,
    )
    .fetch_all(connection)
    .await?;
    let mut events: Vec<Early> = rows
        .into_iter()
        .map(|row| Early {
            id: row.id,
            target: (row.channel_id, row.target_key.try_into().unwrap_or_default()),
            event: row.event,
        })
        .collect();
    events.sort_by_key(|event| event.id);
    Ok(events)
}

/// Forgets events whose target never came.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    sqlx::query!(
        "DELETE FROM early_event WHERE (tenant_id, channel_id, target_key, id) IN (
             SELECT tenant_id, channel_id, target_key, id FROM early_event WHERE created_at < $1 LIMIT $2)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(())
}
