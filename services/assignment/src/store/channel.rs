use tandem_database::{Connection, Result};
use uuid::Uuid;

/// What is kept of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub default_team_id: Option<Uuid>,
    pub version: i64,
}

/// Keeps the newer of two states.
pub async fn upsert(connection: &mut Connection, generation: i64, channels: &[Channel]) -> Result<()> {
    let tenants: Vec<Uuid> = channels.iter().map(|channel| channel.tenant_id).collect();
    let ids: Vec<Uuid> = channels.iter().map(|channel| channel.id).collect();
    let teams: Vec<Option<Uuid>> = channels.iter().map(|channel| channel.default_team_id).collect();
    let versions: Vec<i64> = channels.iter().map(|channel| channel.version).collect();
    sqlx::query!(
        "INSERT INTO channel AS old (tenant_id, id, default_team_id, version, generation)
         SELECT *, $5 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
         ON CONFLICT (tenant_id, id) DO UPDATE
         SET default_team_id = EXCLUDED.default_team_id, version = EXCLUDED.version, generation = EXCLUDED.generation
         WHERE (old.generation, old.version) < (EXCLUDED.generation, EXCLUDED.version)",
        &tenants,
        &ids,
        &teams as &[Option<Uuid>],
        &versions,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A channel's default team; the outer `None` when the channel is not known here yet.
pub async fn default_team(
    connection: &mut Connection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<Option<Uuid>>> {
    let team = sqlx::query_scalar!(
        "SELECT default_team_id FROM channel WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(team)
}

/// Removes what a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM channel WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}
