//! What people said of suggestions.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Says that two customers are two people. Once said it stays.
pub async fn dismiss(
    connection: &mut Connection,
    tenant: Uuid,
    (one, other): (Uuid, Uuid),
    by_subject: &str,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO dismissed_suggestion (tenant_id, one_id, other_id, by_subject, dismissed_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        tenant,
        one.min(other),
        one.max(other),
        by_subject,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Pairs of these customers, which stand for themselves, and of those that they are not, as people said: also what was
/// said of customers that were merged into either since.
pub async fn dismissed(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
) -> Result<BTreeSet<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"WITH m AS (
               SELECT s.id AS root, s.id FROM unnest($2::uuid[]) AS s (id)
               UNION ALL
               SELECT c.merged_into, c.id FROM customer c WHERE c.tenant_id = $1 AND c.merged_into = ANY ($2)),
           said AS (
               SELECT m.root, d.other_id AS other
               FROM m JOIN dismissed_suggestion d ON d.tenant_id = $1 AND d.one_id = m.id
               UNION ALL
               SELECT m.root, d.one_id FROM m JOIN dismissed_suggestion d ON d.tenant_id = $1 AND d.other_id = m.id)
           SELECT said.root AS "root!", coalesce(c.merged_into, c.id) AS "other!"
           FROM said JOIN customer c ON c.tenant_id = $1 AND c.id = said.other"#,
        tenant,
        customers,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.root, row.other)).collect())
}

/// Customers that stand for themselves, by id, from one on, with the channels that they are found by.
pub async fn roots_from(
    connection: &mut Connection,
    tenant: Uuid,
    from: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, Vec<Uuid>)>> {
    let rows = sqlx::query!(
        "SELECT id, channel_ids FROM customer WHERE tenant_id = $1 AND id >= $2 AND merged_into IS NULL
         ORDER BY id LIMIT $3",
        tenant,
        from,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.channel_ids)).collect())
}
