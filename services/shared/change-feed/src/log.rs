//! Reads of the feed's table.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use tandem_proto::feed::v1::ChangeKind;
use uuid::Uuid;

use crate::Cursor;

/// One sequenced change, before its state is read.
#[derive(Debug, Clone)]
pub struct FeedRow {
    pub seq: i64,
    pub mark: i64,
    pub tenant_id: Uuid,
    pub kind: ChangeKind,
    pub entity_id: Uuid,
    pub version: i64,
    pub sequenced_at: DateTime<Utc>,
}

/// Rows after a number, in order.
pub(crate) async fn after(connection: &mut Connection, seq: i64, limit: i64) -> Result<Vec<FeedRow>> {
    let rows = sqlx::query!(
        "SELECT seq, mark, tenant_id, kind, entity_id, version, sequenced_at
         FROM feed WHERE seq > $1 ORDER BY seq LIMIT $2",
        seq,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| FeedRow {
            seq: row.seq,
            mark: row.mark,
            tenant_id: row.tenant_id,
            kind: ChangeKind::try_from(i32::from(row.kind)).unwrap_or_default(),
            entity_id: row.entity_id,
            version: row.version,
            sequenced_at: row.sequenced_at,
        })
        .collect())
}

/// The newest place.
pub(crate) async fn head(connection: &mut Connection) -> Result<Cursor> {
    let row = sqlx::query!("SELECT seq, mark FROM feed ORDER BY seq DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| Cursor { seq: row.seq, mark: row.mark }).unwrap_or_default())
}

/// Whether a cursor belongs to this history and everything after it is still there.
pub(crate) async fn knows(connection: &mut Connection, cursor: Cursor) -> Result<bool> {
    if cursor.seq == 0 {
        let first = sqlx::query_scalar!("SELECT seq FROM feed ORDER BY seq LIMIT 1")
            .fetch_optional(connection)
            .await?;
        return Ok(first.is_none_or(|first| first == 1));
    }
    let mark = sqlx::query_scalar!("SELECT mark FROM feed WHERE seq = $1", cursor.seq)
        .fetch_optional(connection)
        .await?;
    Ok(mark == Some(cursor.mark))
}

/// Where an outbox row stands by now.
pub(crate) enum Place {
    Sequenced(i64),
    /// Committed or about to be; the sequencer has not been there yet.
    Waiting,
    /// This history never had it, or has pruned it.
    Unknown,
}

pub(crate) async fn locate(connection: &mut Connection, outbox_id: i64, mark: i64) -> Result<Place> {
    // One statement, one snapshot: a row is in the outbox or on the feed.
    let row = sqlx::query!(
        r#"SELECT (SELECT seq FROM feed WHERE outbox_id = $1 AND mark = $2) AS seq,
                  EXISTS (SELECT 1 FROM outbox WHERE id = $1 AND mark = $2) AS "waiting!""#,
        outbox_id,
        mark,
    )
    .fetch_one(connection)
    .await?;
    Ok(match row.seq {
        Some(seq) => Place::Sequenced(seq),
        None if row.waiting => Place::Waiting,
        None => Place::Unknown,
    })
}
