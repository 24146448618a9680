use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tandem_database::Result;
use uuid::Uuid;

/// A row of `search_index`.
#[derive(Debug, Clone)]
pub struct IndexRow {
    pub uid: String,
    pub shape: i32,
    pub settings: String,
    pub generation: i64,
    pub building: Option<(String, i64)>,
    pub retired: Option<(String, DateTime<Utc>)>,
    pub writer: Option<Uuid>,
    pub writing_until: Option<DateTime<Utc>>,
    /// Somebody asked for it to be built anew.
    pub rebuild_wanted: bool,
}

pub async fn find(connection: &mut PgConnection, name: &str) -> Result<Option<IndexRow>> {
    let row =
        sqlx::query!("SELECT * FROM search_index WHERE name = $1", name).fetch_optional(connection).await?;
    Ok(row.map(|row| IndexRow {
        uid: row.uid,
        shape: row.shape,
        settings: row.settings,
        generation: row.generation,
        building: row.building_uid.zip(row.building_generation),
        retired: row.retired_uid.zip(row.retired_at),
        writer: row.writer,
        writing_until: row.writing_until,
        rebuild_wanted: row.rebuild_wanted,
    }))
}

/// The index that searches read; none before the first document.
pub async fn live_uid(connection: &mut PgConnection, name: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!("SELECT uid FROM search_index WHERE name = $1", name)
        .fetch_optional(connection)
        .await?)
}

/// The first index of a name.
pub async fn insert(
    connection: &mut PgConnection,
    name: &str,
    uid: &str,
    shape: i32,
    settings: &str,
    generation: i64,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO search_index (name, uid, shape, settings, generation) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        name,
        uid,
        shape,
        settings,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn set_settings(connection: &mut PgConnection, name: &str, settings: &str) -> Result<()> {
    sqlx::query!("UPDATE search_index SET settings = $2 WHERE name = $1", name, settings)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn set_building(
    connection: &mut PgConnection,
    name: &str,
    uid: &str,
    generation: i64,
    of: i64,
) -> Result<()> {
    sqlx::query!(
        "UPDATE search_index
         SET building_uid = $2, building_generation = $3, rebuild_wanted = false, rebuilt = 0, rebuild_of = $4
         WHERE name = $1",
        name,
        uid,
        generation,
        of,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a rebuild has written so many documents more.
pub async fn add_rebuilt(connection: &mut PgConnection, name: &str, documents: i64) -> Result<()> {
    sqlx::query!("UPDATE search_index SET rebuilt = rebuilt + $2 WHERE name = $1", name, documents)
        .execute(connection)
        .await?;
    Ok(())
}

/// Asks for the index to be built anew. False where there is none yet.
pub async fn want_rebuild(connection: &mut PgConnection, name: &str) -> Result<bool> {
    let wanted = sqlx::query!("UPDATE search_index SET rebuild_wanted = true WHERE name = $1", name)
        .execute(connection)
        .await?;
    Ok(wanted.rows_affected() == 1)
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuild {
    /// Grows with every rebuild that ended.
    pub generation: i64,
    /// It was asked for and has not begun.
    pub wanted: bool,
    pub running: bool,
    /// Documents that it has written, and that the live index held when it began.
    pub rebuilt: i64,
    pub of: i64,
}

pub async fn rebuild(connection: &mut PgConnection, name: &str) -> Result<Option<Rebuild>> {
    let row = sqlx::query_as!(
        Rebuild,
        r#"SELECT generation, rebuild_wanted AS wanted, building_uid IS NOT NULL AS "running!", rebuilt, rebuild_of AS of
           FROM search_index WHERE name = $1"#,
        name,
    );
    Ok(row.fetch_optional(connection).await?)
}

/// The index that was built becomes the live one.
pub async fn swap(
    connection: &mut PgConnection,
    name: &str,
    generation: i64,
    shape: i32,
    settings: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let swapped = sqlx::query!(
        "UPDATE search_index
         SET retired_uid = uid, retired_at = $5, uid = building_uid, generation = building_generation, shape = $3,
             settings = $4, building_uid = NULL, building_generation = NULL
         WHERE name = $1 AND building_generation = $2",
        name,
        generation,
        shape,
        settings,
        now,
    )
    .execute(connection)
    .await?;
    Ok(swapped.rows_affected() == 1)
}

pub async fn forget_retired(connection: &mut PgConnection, name: &str, uid: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE search_index SET retired_uid = NULL, retired_at = NULL WHERE name = $1 AND retired_uid = $2",
        name,
        uid,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes who writes and, before each write, until when it may still reach the engine.
pub async fn begin_writing(
    connection: &mut PgConnection,
    name: &str,
    writer: Uuid,
    until: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE search_index SET writer = $2, writing_until = $3 WHERE name = $1",
        name,
        writer,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that nothing of ours is on its way to the engine any more.
pub async fn end_writing(connection: &mut PgConnection, name: &str, writer: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE search_index SET writing_until = NULL WHERE name = $1 AND writer = $2",
        name,
        writer
    )
    .execute(connection)
    .await?;
    Ok(())
}
