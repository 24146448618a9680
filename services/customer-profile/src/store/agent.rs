//! Which agents answered a contact.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::model::Key;

/// Takes in when agents answered contacts; the newest of each pair stays. What a rebuild sends replaces what was known
/// before it.
pub async fn answered(
    connection: &mut Connection,
    generation: i64,
    answers: &BTreeMap<(Key, Uuid), DateTime<Utc>>,
) -> Result<()> {
    let (tenants, contacts) = split(answers.keys().map(|(contact, _)| contact));
    let agents: Vec<Uuid> = answers.keys().map(|(_, agent)| *agent).collect();
    let times: Vec<DateTime<Utc>> = answers.values().copied().collect();
    sqlx::query!(
        "INSERT INTO contact_agent (tenant_id, contact_id, agent_id, answered_at, generation)
         SELECT a.tenant_id, a.contact_id, a.agent_id, a.answered_at, $5
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
              AS a (tenant_id, contact_id, agent_id, answered_at)
         ON CONFLICT (tenant_id, contact_id, agent_id) DO UPDATE SET
             answered_at = CASE WHEN contact_agent.generation < excluded.generation THEN excluded.answered_at
                                ELSE greatest(contact_agent.answered_at, excluded.answered_at) END,
             generation = excluded.generation
         WHERE contact_agent.generation < excluded.generation
            OR contact_agent.generation = excluded.generation AND contact_agent.answered_at < excluded.answered_at",
        &tenants,
        &contacts,
        &agents,
        &times,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes what a rebuild did not see.
pub async fn remove_older_than(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM contact_agent WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}

/// The agents who answered customers over their merged sets, who did last first, at most `most` each.
pub async fn of_customers(
    connection: &mut Connection,
    keys: &[Key],
    most: i64,
) -> Result<BTreeMap<Key, Vec<Uuid>>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT tenant_id AS "tenant_id!", root_id AS "root_id!", agent_id AS "agent_id!" FROM (
               SELECT s.tenant_id, s.id AS root_id, a.agent_id,
                      row_number() OVER (PARTITION BY s.tenant_id, s.id
                                         ORDER BY max(a.answered_at) DESC, a.agent_id) AS n
               FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
               CROSS JOIN LATERAL (
                   SELECT c.id FROM customer c
                   WHERE c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
                   UNION ALL
                   SELECT c.id FROM customer c WHERE c.tenant_id = s.tenant_id AND c.merged_into = s.id
               ) AS m
               JOIN contact k ON k.tenant_id = s.tenant_id AND k.customer_id = m.id
               CROSS JOIN LATERAL (
                   SELECT g.agent_id, g.answered_at FROM contact_agent g
                   WHERE g.tenant_id = k.tenant_id AND g.contact_id = k.id
                   ORDER BY g.answered_at DESC LIMIT $3
               ) AS a
               GROUP BY s.tenant_id, s.id, a.agent_id
           ) AS newest WHERE n <= $3 ORDER BY tenant_id, root_id, n"#,
        &tenants,
        &ids,
        most,
    )
    .fetch_all(connection)
    .await?;
    let mut agents: BTreeMap<Key, Vec<Uuid>> = BTreeMap::new();
    for row in rows {
        agents.entry((row.tenant_id, row.root_id)).or_default().push(row.agent_id);
    }
    Ok(agents)
}
