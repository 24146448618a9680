//! Receipts that count for all replies up to a point.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::DeliveryState;

/// A receipt that counts for all replies of a conversation up to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub conversation_id: Uuid,
    /// `Delivered` or `Read`.
    pub state: DeliveryState,
    pub up_to: UpTo,
}

/// Up to where a receipt counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpTo {
    /// Every reply up to this position.
    Position(i64),
    /// Every reply whose sending began before this time.
    Before(DateTime<Utc>),
}

/// Notes receipts up to a point on the replies that they cover, the newest thousand of each at most, under the locks of
/// their conversations. Answers the messages that changed.
pub async fn imply(connection: &mut Connection, tenant_id: Uuid, marks: &[Mark]) -> Result<Vec<(Uuid, i64)>> {
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let conversations: Vec<Uuid> = marks.iter().map(|mark| mark.conversation_id).collect();
    let states: Vec<i16> = marks.iter().map(|mark| mark.state.number()).collect();
    let (mut positions, mut times) = (Vec::new(), Vec::new());
    for mark in marks {
        let (position, time) = match mark.up_to {
            UpTo::Position(position) => (position, None),
            UpTo::Before(time) => (i64::MAX, Some(time)),
        };
        positions.push(position);
        times.push(time);
    }
    let rows = sqlx::query!(
        "WITH covered AS (
             SELECT o.message_id, max(n.state) AS state
             FROM unnest($2::uuid[], $3::smallint[], $4::bigint[], $5::timestamptz[])
                  AS n (conversation_id, state, position, before)
             CROSS JOIN LATERAL (
                 SELECT message_id FROM outbound
                 WHERE tenant_id = $1 AND conversation_id = n.conversation_id AND position <= n.position
                   AND implied < 6 AND state <> 6 AND (n.before IS NULL OR begun_at < n.before)
                 ORDER BY position DESC LIMIT 1000) o
             GROUP BY o.message_id)
         UPDATE outbound o SET implied = covered.state, version = o.version + 1
         FROM covered
         WHERE o.tenant_id = $1 AND o.message_id = covered.message_id AND o.implied < covered.state
         RETURNING o.message_id, o.version",
        tenant_id,
        &conversations,
        &states,
        &positions,
        &times as &[Option<DateTime<Utc>>],
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.message_id, row.version)).collect())
}
