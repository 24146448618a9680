//! Addresses that were replaced: what a message by a former one, stamped before the change, is read as.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::contact::Address;
use crate::domain::kinds::{IdentityKind, checked};

/// An address, since when it is another, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub former: Address,
    pub at: DateTime<Utc>,
    pub new: String,
}

/// The changes of addresses, those of their successors included.
pub async fn find(
    connection: &mut Connection,
    tenant_id: Uuid,
    addresses: &[Address],
) -> Result<Vec<Change>> {
    let channels: Vec<Uuid> = addresses.iter().map(|(channel, ..)| *channel).collect();
    let kinds: Vec<i16> = addresses.iter().map(|(_, kind, _)| kind.number()).collect();
    let values: Vec<String> = addresses.iter().map(|(.., value)| value.clone()).collect();
    let rows = sqlx::query!(
        r#"WITH RECURSIVE found AS (
               SELECT c.channel_id, c.kind, c.value, c.at, c.new_value, 1 AS depth
               FROM unnest($2::uuid[], $3::smallint[], $4::text[]) AS wanted (channel_id, kind, value)
               JOIN identity_change c ON c.tenant_id = $1 AND c.channel_id = wanted.channel_id
                    AND c.kind = wanted.kind AND c.value = wanted.value
               UNION
               SELECT c.channel_id, c.kind, c.value, c.at, c.new_value, found.depth + 1
               FROM found JOIN identity_change c ON c.tenant_id = $1 AND c.channel_id = found.channel_id
                    AND c.kind = found.kind AND c.value = found.new_value
               WHERE found.depth < 8)
           SELECT DISTINCT channel_id AS "channel_id!", kind AS "kind!", value AS "value!", at AS "at!",
                  new_value AS "new_value!"
           FROM found"#,
        tenant_id,
        &channels,
        &kinds,
        &values,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Change {
            former: (row.channel_id, checked(IdentityKind::from_number(row.kind)), row.value),
            at: row.at,
            new: row.new_value,
        })
        .collect())
}

/// Records changes.
pub async fn insert(
    connection: &mut Connection,
    tenant_id: Uuid,
    changes: &[Change],
    now: DateTime<Utc>,
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let channels: Vec<Uuid> = changes.iter().map(|change| change.former.0).collect();
    let kinds: Vec<i16> = changes.iter().map(|change| change.former.1.number()).collect();
    let values: Vec<String> = changes.iter().map(|change| change.former.2.clone()).collect();
    let times: Vec<DateTime<Utc>> = changes.iter().map(|change| change.at).collect();
    let new: Vec<String> = changes.iter().map(|change| change.new.clone()).collect();
    sqlx::query!(
        "INSERT INTO identity_change (tenant_id, channel_id, kind, value, at, new_value, created_at)
         SELECT $1, n.*, $7
         FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::timestamptz[], $6::text[])
              AS n (channel_id, kind, value, at, new_value)
         ORDER BY 2, 3, 4, 5 ON CONFLICT DO NOTHING",
        tenant_id,
        &channels,
        &kinds,
        &values,
        &times,
        &new,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets changes whose late messages have come by now.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    sqlx::query!(
        "DELETE FROM identity_change WHERE (tenant_id, channel_id, kind, value, at) IN (
             SELECT tenant_id, channel_id, kind, value, at FROM identity_change WHERE created_at < $1 LIMIT $2)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(())
}
