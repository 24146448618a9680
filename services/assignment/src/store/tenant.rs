use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Keeps the newest states. Tenants carry no version: the feed's order decides.
pub async fn upsert(connection: &mut Connection, generation: i64, tenants: &[(Uuid, bool)]) -> Result<()> {
    let (ids, suspended): (Vec<Uuid>, Vec<bool>) = tenants.iter().copied().unzip();
    sqlx::query!(
        "INSERT INTO tenant (id, suspended, generation)
         SELECT id, suspended, $3 FROM unnest($1::uuid[], $2::boolean[]) AS new (id, suspended)
         ON CONFLICT (id) DO UPDATE SET suspended = EXCLUDED.suspended, generation = EXCLUDED.generation",
        &ids,
        &suspended,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The suspended tenants: few, by an index that holds them alone.
pub async fn suspended(connection: &mut Connection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM tenant WHERE suspended").fetch_all(connection).await?)
}

/// Removes what a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM tenant WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}
