//! What is due, of which agents are told once.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{HolderKind, checked};
use crate::domain::model::{Due, Holder};

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    holder_kind: i16,
    holder_id: Option<Uuid>,
    epoch: i64,
    due_at: DateTime<Utc>,
}

impl Record {
    fn into_due(self) -> Due {
        Due {
            tenant_id: self.tenant_id,
            conversation_id: self.id,
            holder: Holder {
                kind: checked(HolderKind::from_number(self.holder_kind.into())),
                id: self.holder_id,
            },
            epoch: self.epoch,
            at: self.due_at,
        }
    }
}

/// Takes conversations that are overdue at `now` and were not told, oldest first: from this transaction on they are told.
pub async fn take_overdue(connection: &mut Connection, now: DateTime<Utc>, limit: i64) -> Result<Vec<Due>> {
    let rows = sqlx::query_as!(
        Record,
        r#"UPDATE conversation c SET due_told = c.due_at
           FROM (SELECT tenant_id, id FROM conversation
                 WHERE due_at IS NOT NULL AND due_told IS DISTINCT FROM due_at AND due_at <= $1
                 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS overdue
           WHERE c.tenant_id = overdue.tenant_id AND c.id = overdue.id
           RETURNING c.tenant_id, c.id, c.holder_kind, c.holder_id, c.epoch, c.due_at AS "due_at!""#,
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Record::into_due).collect())
}

/// Takes conversations of which is to be said at `now` that they will be overdue soon, as [`take_overdue`] does.
pub async fn take_soon(connection: &mut Connection, now: DateTime<Utc>, limit: i64) -> Result<Vec<Due>> {
    let rows = sqlx::query_as!(
        Record,
        r#"UPDATE conversation c SET soon_told = c.soon_at
           FROM (SELECT tenant_id, id FROM conversation
                 WHERE soon_at IS NOT NULL AND soon_told IS DISTINCT FROM soon_at AND soon_at <= $1
                 ORDER BY soon_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS soon
           WHERE c.tenant_id = soon.tenant_id AND c.id = soon.id
           RETURNING c.tenant_id, c.id, c.holder_kind, c.holder_id, c.epoch, c.due_at AS "due_at!""#,
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Record::into_due).collect())
}
