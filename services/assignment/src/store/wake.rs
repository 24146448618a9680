use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{HolderKind, checked};
use crate::domain::model::{Holder, StatusChange};

/// Who holds a conversation that woke, and under which epoch.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub holder: Holder,
    pub epoch: i64,
}

/// Adds entries that say that conversations woke. Answers, of those that were not known before, who holds the conversation; one
/// that is not known here is left out.
pub async fn insert(
    connection: &mut Connection,
    wakes: &[StatusChange],
) -> Result<HashMap<(Uuid, Uuid), Held>> {
    let tenants: Vec<Uuid> = wakes.iter().map(|wake| wake.tenant_id).collect();
    let entries: Vec<Uuid> = wakes.iter().map(|wake| wake.entry_id).collect();
    let conversations: Vec<Uuid> = wakes.iter().map(|wake| wake.conversation_id).collect();
    let times: Vec<DateTime<Utc>> = wakes.iter().map(|wake| wake.at).collect();
    let rows = sqlx::query!(
        r#"WITH new AS (
               INSERT INTO wake (tenant_id, entry_id, conversation_id, at)
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
               ON CONFLICT DO NOTHING RETURNING tenant_id, entry_id, conversation_id)
           SELECT new.tenant_id AS "tenant_id!", new.entry_id AS "entry_id!", c.holder_kind, c.holder_id, c.epoch
           FROM new JOIN conversation c ON c.tenant_id = new.tenant_id AND c.id = new.conversation_id"#,
        &tenants,
        &entries,
        &conversations,
        &times,
    )
    .fetch_all(connection)
    .await?;
    let held = rows.into_iter().map(|row| {
        let holder =
            Holder { kind: checked(HolderKind::from_number(row.holder_kind.into())), id: row.holder_id };
        ((row.tenant_id, row.entry_id), Held { holder, epoch: row.epoch })
    });
    Ok(held.collect())
}

/// Forgets entries of before `before`, oldest first.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    sqlx::query!(
        "DELETE FROM wake WHERE (tenant_id, entry_id) IN (
             SELECT tenant_id, entry_id FROM wake WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(())
}
