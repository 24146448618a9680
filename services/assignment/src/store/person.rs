//! Agents as routing sees them.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::check::folded;
use crate::domain::kinds::{Presence, checked};
use crate::domain::model::{Hours, MOST_HELD, Skill};
use crate::domain::routing::Person;
use crate::domain::team::is_open;

/// Active agents by id, in no order: `team_id` says whose turn counts, `but` which conversation does not count as held.
pub async fn read(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
    team_id: Option<Uuid>,
    but: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<Person>> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.display_name, a.capacity, a.languages, a.skills, m.routed_at AS "routed_at?",
                  CASE WHEN p.expires_at > $5 THEN p.status ELSE 4::smallint END AS "presence!",
                  (SELECT count(*) FROM (
                       (SELECT c.id FROM conversation c
                        WHERE c.tenant_id = a.tenant_id AND c.holder_id = a.id AND c.holder_kind = 2 AND c.status <> 4
                          AND c.id IS DISTINCT FROM $4 LIMIT $6)
                       UNION
                       (SELECT r.conversation_id FROM reservation r
                        WHERE r.tenant_id = a.tenant_id AND r.agent_id = a.id AND r.state IN (1, 2)
                          AND r.conversation_id IS DISTINCT FROM $4
                          AND NOT (r.state = 2 AND EXISTS (
                              SELECT FROM conversation c
                              WHERE c.tenant_id = r.tenant_id AND c.id = r.conversation_id AND c.epoch >= r.epoch))
                        LIMIT $6)) AS taken) AS "held!"
           FROM agent a
                LEFT JOIN presence p ON p.tenant_id = a.tenant_id AND p.agent_id = a.id
                LEFT JOIN team_member m ON m.tenant_id = a.tenant_id AND m.team_id = $3 AND m.agent_id = a.id
           WHERE a.tenant_id = $1 AND a.id = ANY ($2) AND a.state = 1"#,
        tenant_id,
        ids,
        team_id,
        but,
        now,
        i64::from(MOST_HELD),
    )
    .fetch_all(&mut *connection)
    .await?;
    let in_hours = in_hours(connection, tenant_id, ids, now).await?;
    let people = rows.into_iter().map(|row| {
        let skills: Vec<Skill> = serde_json::from_value(row.skills).map_err(Fault::internal)?;
        Ok(Person {
            id: row.id,
            name: row.display_name,
            presence: checked(Presence::from_number(row.presence.into())),
            capacity: row.capacity,
            held: row.held,
            languages: row.languages,
            skills: skills.into_iter().map(|skill| Skill { name: folded(&skill.name), ..skill }).collect(),
            routed_at: row.routed_at,
            in_hours: in_hours.contains(&row.id),
        })
    });
    people.collect()
}

/// Who of some agents is in a team that works now.
async fn in_hours(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashSet<Uuid>> {
    let rows = sqlx::query!(
        r#"SELECT t.working_hours, t.time_zone, array_agg(m.agent_id) AS "agent_ids!"
           FROM team_member m JOIN team t ON t.tenant_id = m.tenant_id AND t.id = m.team_id
           WHERE m.tenant_id = $1 AND m.agent_id = ANY ($2) GROUP BY t.id, t.working_hours, t.time_zone"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    let mut working = HashSet::new();
    for row in rows {
        let hours: Vec<Hours> = serde_json::from_value(row.working_hours).map_err(Fault::internal)?;
        if is_open(&hours, &row.time_zone, now) {
            working.extend(row.agent_ids);
        }
    }
    Ok(working)
}

/// Members of a team who are active, at most `limit`.
pub async fn members(
    connection: &mut Connection,
    tenant_id: Uuid,
    team_id: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT m.agent_id FROM team_member m JOIN agent a ON a.tenant_id = m.tenant_id AND a.id = m.agent_id
         WHERE m.tenant_id = $1 AND m.team_id = $2 AND a.state = 1 ORDER BY m.agent_id LIMIT $3",
        tenant_id,
        team_id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Members of a team who are online.
pub async fn online(
    connection: &mut Connection,
    tenant_id: Uuid,
    team_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT m.agent_id FROM team_member m
              JOIN presence p ON p.tenant_id = m.tenant_id AND p.agent_id = m.agent_id
         WHERE m.tenant_id = $1 AND m.team_id = $2 AND p.status = 1 AND p.expires_at > $3",
        tenant_id,
        team_id,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Active agents whose teams see a channel, at most `limit`.
pub async fn of_channel(
    connection: &mut Connection,
    tenant_id: Uuid,
    channel_id: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT DISTINCT m.agent_id
         FROM team t JOIN team_member m ON m.tenant_id = t.tenant_id AND m.team_id = t.id
              JOIN agent a ON a.tenant_id = m.tenant_id AND a.id = m.agent_id
         WHERE t.tenant_id = $1 AND (t.all_channels OR $2 = ANY (t.channel_ids)) AND a.state = 1
         ORDER BY m.agent_id LIMIT $3",
        tenant_id,
        channel_id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Whether an agent is a member of a team and online, which stays so until the end of the transaction.
pub async fn hold_online(
    connection: &mut Connection,
    tenant_id: Uuid,
    team_id: Uuid,
    agent_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let row = sqlx::query_scalar!(
        "SELECT m.agent_id FROM team_member m
              JOIN presence p ON p.tenant_id = m.tenant_id AND p.agent_id = m.agent_id
         WHERE m.tenant_id = $1 AND m.team_id = $2 AND m.agent_id = $3 AND p.status = 1 AND p.expires_at > $4
         FOR SHARE OF m, p",
        tenant_id,
        team_id,
        agent_id,
        now,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}

/// Notes an agent's turn in a team.
pub async fn turn(
    connection: &mut Connection,
    tenant_id: Uuid,
    team_id: Uuid,
    agent_id: Uuid,
    at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE team_member SET routed_at = $4 WHERE tenant_id = $1 AND team_id = $2 AND agent_id = $3",
        tenant_id,
        team_id,
        agent_id,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
