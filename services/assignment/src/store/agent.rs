use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::words::{APART, patterns};
use super::{all_written, conflict};
use crate::domain::agent::Narrow;
use crate::domain::check::folded;
use crate::domain::kinds::{AgentState, Presence, checked};
use crate::domain::list::Scanned;
use crate::domain::model::{Agent, MOST_HELD, ReturnRule, Skill};

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    subject: String,
    display_name: String,
    email: String,
    state: i16,
    capacity: i32,
    languages: Vec<String>,
    skills: Value,
    time_zone: String,
    created_at: DateTime<Utc>,
    version: i64,
    team_ids: Vec<Uuid>,
    held: i64,
    presence: i16,
}

impl Record {
    fn into_agent(self) -> Result<(Uuid, Agent)> {
        let skills: Vec<Skill> = serde_json::from_value(self.skills).map_err(Fault::internal)?;
        let agent = Agent {
            id: self.id,
            subject: self.subject,
            display_name: self.display_name,
            email: self.email,
            state: checked(AgentState::from_number(self.state.into())),
            capacity: self.capacity,
            languages: self.languages,
            skills,
            time_zone: self.time_zone,
            created_at: self.created_at,
            version: self.version,
            team_ids: self.team_ids,
            held: i32::try_from(self.held).unwrap_or(MOST_HELD),
            presence: checked(Presence::from_number(self.presence.into())),
        };
        Ok((self.tenant_id, agent))
    }
}

/// The e-mail address as it is compared; `None` without one.
fn email_folded(agent: &Agent) -> Option<String> {
    (!agent.email.is_empty()).then(|| folded(&agent.email))
}

/// Errors: `ALREADY_EXISTS`.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, agent: &Agent) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent (tenant_id, id, subject, display_name, email, email_folded, state, capacity, languages, skills,
             time_zone, created_at, version, name_folded)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant_id,
        agent.id,
        agent.subject,
        agent.display_name,
        agent.email,
        email_folded(agent),
        agent.state.number(),
        agent.capacity,
        &agent.languages,
        serde_json::to_value(&agent.skills).map_err(Fault::internal)?,
        agent.time_zone,
        agent.created_at,
        agent.version,
        folded(&agent.display_name),
    )
    .execute(connection)
    .await
    .map_err(conflict::of_directory)?;
    Ok(())
}

/// Errors: `ALREADY_EXISTS`.
pub async fn update(connection: &mut Connection, tenant_id: Uuid, agent: &Agent) -> Result<()> {
    let updated = sqlx::query!(
        "UPDATE agent SET display_name = $3, email = $4, email_folded = $5, state = $6, capacity = $7, languages = $8,
             skills = $9, time_zone = $10, version = $11, name_folded = $12
         WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        agent.id,
        agent.display_name,
        agent.email,
        email_folded(agent),
        agent.state.number(),
        agent.capacity,
        &agent.languages,
        serde_json::to_value(&agent.skills).map_err(Fault::internal)?,
        agent.time_zone,
        agent.version,
        folded(&agent.display_name),
    )
    .execute(connection)
    .await
    .map_err(conflict::of_directory)?;
    all_written(updated.rows_affected(), 1)
}

/// Locks an agent's row: everything that changes the agent, or takes of its capacity, goes through here. Answers its
/// state and capacity, `None` when there is no such agent.
pub async fn lock(
    connection: &mut Connection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<(AgentState, i32)>> {
    // Not FOR UPDATE: membership of a team, a foreign key, need not wait.
    let row = sqlx::query!(
        "SELECT state, capacity FROM agent WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (checked(AgentState::from_number(row.state.into())), row.capacity)))
}

/// The agents that token subjects are; those that are none are left out.
pub async fn of_subjects(
    connection: &mut Connection,
    subjects: &[(Uuid, String)],
) -> Result<HashMap<(Uuid, String), Uuid>> {
    if subjects.is_empty() {
        return Ok(HashMap::new());
    }
    let (tenants, names): (Vec<Uuid>, Vec<String>) = subjects.iter().cloned().unzip();
    let rows = sqlx::query!(
        "SELECT a.tenant_id, a.subject, a.id FROM agent a
         WHERE (a.tenant_id, a.subject) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))",
        &tenants,
        &names,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.subject), row.id)).collect())
}

/// The agent that a token's subject is.
pub async fn of_subject(
    connection: &mut Connection,
    tenant_id: Uuid,
    subject: &str,
) -> Result<Option<(Uuid, AgentState)>> {
    let row =
        sqlx::query!("SELECT id, state FROM agent WHERE tenant_id = $1 AND subject = $2", tenant_id, subject)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|row| (row.id, checked(AgentState::from_number(row.state.into())))))
}

/// Which of some agents exist.
pub async fn existing(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let ids =
        sqlx::query_scalar!("SELECT id FROM agent WHERE tenant_id = $1 AND id = ANY ($2)", tenant_id, ids)
            .fetch_all(connection)
            .await?;
    Ok(ids)
}

/// Agents by (tenant, id) as they are at `now`, in no order; what is gone is left out.
pub async fn read(
    connection: &mut Connection,
    ids: &[(Uuid, Uuid)],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, Agent)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
    let records = sqlx::query_as!(
        Record,
        r#"SELECT a.tenant_id, a.id, a.subject, a.display_name, a.email, a.state, a.capacity, a.languages, a.skills,
                  a.time_zone, a.created_at, a.version,
                  ARRAY (SELECT m.team_id FROM team_member m WHERE m.tenant_id = a.tenant_id AND m.agent_id = a.id
                         ORDER BY m.team_id) AS "team_ids!",
                  (SELECT count(*) FROM (
                      SELECT FROM conversation c
                      WHERE c.tenant_id = a.tenant_id AND c.holder_id = a.id AND c.holder_kind = 2 AND c.status <> 4
                      LIMIT $3) AS held) AS "held!",
                  -- A heartbeat that crossed the deactivation says nothing.
                  coalesce((SELECT p.status FROM presence p
                            WHERE p.tenant_id = a.tenant_id AND p.agent_id = a.id AND p.expires_at > $4 AND a.state = 1),
                           4::smallint) AS "presence!"
           FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) JOIN agent a USING (tenant_id, id)"#,
        &tenants,
        &ids,
        i64::from(MOST_HELD),
        now,
    )
    .fetch_all(connection)
    .await?;
    records.into_iter().map(Record::into_agent).collect()
}

/// A page of a tenant's agents by folded name and id, after the given pair. Looks at `budget` agents at most.
pub async fn page(
    connection: &mut Connection,
    tenant_id: Uuid,
    narrow: &Narrow,
    after: &(String, Uuid),
    (limit, budget): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Scanned<Agent>> {
    let states: Vec<i16> = narrow.presences.iter().map(|presence| presence.number()).collect();
    let rows = sqlx::query!(
        r#"WITH scanned AS (
               SELECT a.id, a.name_folded, a.email_folded, a.state, a.skills, a.languages, 
                      row_number() OVER (ORDER BY a.name_folded, a.id) AS number
               FROM (SELECT * FROM agent
                     WHERE tenant_id = $1 AND (name_folded, id) > ($2, $3) ORDER BY name_folded, id LIMIT $4) AS a)
           SELECT s.id AS "id!", s.name_folded AS "name_folded!", s.matches AS "matches!", s.number AS "number!" FROM (
               SELECT s.id, s.name_folded, s.number,
                      ' ' || translate(s.name_folded || ' ' || coalesce(s.email_folded, ''), $5, $6) LIKE ALL ($7)
                      AND ($8::smallint IS NULL OR s.state = $8)
                      AND ($9::uuid IS NULL OR EXISTS (
                          SELECT FROM team_member m WHERE m.tenant_id = $1 AND m.team_id = $9 AND m.agent_id = s.id))
                      AND (cardinality($10::smallint[]) = 0 OR coalesce((
                          SELECT p.status FROM presence p
                          WHERE p.tenant_id = $1 AND p.agent_id = s.id AND p.expires_at > $11 AND s.state = 1),
                          4::smallint) = ANY ($10))
                      AND ($12 = '' OR EXISTS (
                          SELECT FROM jsonb_array_elements(s.skills) AS has WHERE lower(has ->> 'name') = $12))
                      AND ($13 = '' OR EXISTS (
                          SELECT FROM unnest(s.languages) AS speaks (tag)
                          WHERE lower(tag) = $13 OR starts_with(lower(tag), $13 || '-'))) AS matches
               FROM scanned s) AS s
           WHERE s.matches OR s.number = $4 ORDER BY s.number"#,
        tenant_id,
        after.0,
        after.1,
        budget,
        APART,
        " ".repeat(APART.chars().count()),
        &patterns(&narrow.query),
        narrow.state.map(AgentState::number),
        narrow.team_id,
        &states,
        now,
        folded(&narrow.skill),
        narrow.language.to_lowercase(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let end = rows.last().filter(|row| row.number == budget).map(|row| (row.name_folded.clone(), row.id));
    let keys: Vec<(String, Uuid)> =
        rows.into_iter().filter(|row| row.matches).map(|row| (row.name_folded, row.id)).collect();
    let scanned = Scanned::of(keys, end, limit);
    let wanted: Vec<(Uuid, Uuid)> = scanned.items.iter().map(|(_, id)| (tenant_id, *id)).collect();
    let mut read: HashMap<Uuid, Agent> =
        read(connection, &wanted, now).await?.into_iter().map(|(_, agent)| (agent.id, agent)).collect();
    Ok(scanned.map(|(_, id)| read.remove(&id)))
}

/// An agent's teams' rules for the return of work, the shortest of each.
pub async fn return_rule(connection: &mut Connection, tenant_id: Uuid, agent_id: Uuid) -> Result<ReturnRule> {
    let rule = sqlx::query_as!(
        ReturnRule,
        "SELECT min(t.return_away_s) AS away_after_s, min(t.return_offline_s) AS offline_after_s
         FROM team_member m JOIN team t ON t.tenant_id = m.tenant_id AND t.id = m.team_id
         WHERE m.tenant_id = $1 AND m.agent_id = $2",
        tenant_id,
        agent_id,
    )
    .fetch_one(connection)
    .await?;
    Ok(rule)
}

/// Everybody's agents in the order of (tenant, id), for a snapshot.
pub async fn keys(connection: &mut Connection, after: (Uuid, Uuid), limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM agent WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
