use sqlx::PgConnection;
use tandem_database::Result;

/// How far a feed has been applied, whichever replica does it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Applied {
    pub seq: i64,
    pub rebuilding: bool,
}

pub async fn applied(connection: &mut PgConnection, feed: &str) -> Result<Applied> {
    let row = sqlx::query!(
        r#"SELECT seq, rebuild_page IS NOT NULL AS "rebuilding!" FROM feed_cursor WHERE feed = $1"#,
        feed,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map_or_else(Applied::default, |row| Applied { seq: row.seq, rebuilding: row.rebuilding }))
}
