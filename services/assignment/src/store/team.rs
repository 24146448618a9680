use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::{all_written, conflict};
use crate::domain::check::folded;
use crate::domain::model::Team;

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    display_name: String,
    agent_ids: Vec<Uuid>,
    lead_agent_id: Option<Uuid>,
    all_channels: bool,
    channel_ids: Vec<Uuid>,
    fallback_team_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<Record> for (Uuid, Team) {
    fn from(record: Record) -> Self {
        let team = Team {
            id: record.id,
            display_name: record.display_name,
            agent_ids: record.agent_ids,
            lead_agent_id: record.lead_agent_id,
            all_channels: record.all_channels,
            channel_ids: record.channel_ids,
            fallback_team_id: record.fallback_team_id,
            created_at: record.created_at,
            version: record.version,
        };
        (record.tenant_id, team)
    }
}

/// Errors: `ALREADY_EXISTS`.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, team: &Team) -> Result<()> {
    sqlx::query!(
        "INSERT INTO team (tenant_id, id, display_name, name_folded, lead_agent_id, all_channels, channel_ids,
             fallback_team_id, created_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant_id,
        team.id,
        team.display_name,
        folded(&team.display_name),
        team.lead_agent_id,
        team.all_channels,
        &team.channel_ids,
        team.fallback_team_id,
        team.created_at,
        team.version,
    )
    .execute(connection)
    .await
    .map_err(conflict::of_directory)?;
    Ok(())
}

/// Errors: `ALREADY_EXISTS`.
pub async fn update(connection: &mut Connection, tenant_id: Uuid, team: &Team) -> Result<()> {
    let updated = sqlx::query!(
        "UPDATE team SET display_name = $3, name_folded = $4, lead_agent_id = $5, all_channels = $6, channel_ids = $7,
             fallback_team_id = $8, version = $9
         WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        team.id,
        team.display_name,
        folded(&team.display_name),
        team.lead_agent_id,
        team.all_channels,
        &team.channel_ids,
        team.fallback_team_id,
        team.version,
    )
    .execute(connection)
    .await
    .map_err(conflict::of_directory)?;
    all_written(updated.rows_affected(), 1)
}

/// Makes the members those that the team has. The team's row is locked, or new.
pub async fn set_members(connection: &mut Connection, tenant_id: Uuid, team: &Team) -> Result<()> {
    sqlx::query!(
        "DELETE FROM team_member WHERE tenant_id = $1 AND team_id = $2 AND agent_id <> ALL ($3)",
        tenant_id,
        team.id,
        &team.agent_ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO team_member (tenant_id, team_id, agent_id)
         SELECT $1, $2, agent_id FROM unnest($3::uuid[]) AS new (agent_id) ON CONFLICT DO NOTHING",
        tenant_id,
        team.id,
        &team.agent_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a team's row. False when there is no such team.
pub async fn lock(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<bool> {
    let row = sqlx::query_scalar!(
        "SELECT id FROM team WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant_id,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}

pub async fn exists(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<bool> {
    let row = sqlx::query_scalar!("SELECT id FROM team WHERE tenant_id = $1 AND id = $2", tenant_id, id)
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Which of some teams exist.
pub async fn existing(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let ids =
        sqlx::query_scalar!("SELECT id FROM team WHERE tenant_id = $1 AND id = ANY ($2)", tenant_id, ids)
            .fetch_all(connection)
            .await?;
    Ok(ids)
}

/// The fallback team of a team; the outer `None` when there is no such team.
pub async fn fallback(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Option<Uuid>>> {
    let team_id = sqlx::query_scalar!(
        "SELECT fallback_team_id FROM team WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(team_id)
}

/// The teams that an agent is a member of.
pub async fn of_agent(connection: &mut Connection, tenant_id: Uuid, agent_id: Uuid) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT team_id FROM team_member WHERE tenant_id = $1 AND agent_id = $2 ORDER BY team_id",
        tenant_id,
        agent_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// What the teams of the agent of a subject see: every channel, or these.
pub async fn channels_of_subject(
    connection: &mut Connection,
    tenant_id: Uuid,
    subject: &str,
) -> Result<(bool, Vec<Uuid>)> {
    let rows = sqlx::query!(
        "SELECT t.all_channels, t.channel_ids
         FROM agent a JOIN team_member m ON m.tenant_id = a.tenant_id AND m.agent_id = a.id
              JOIN team t ON t.tenant_id = m.tenant_id AND t.id = m.team_id
         WHERE a.tenant_id = $1 AND a.subject = $2 AND a.state = 1",
        tenant_id,
        subject,
    )
    .fetch_all(connection)
    .await?;
    let all = rows.iter().any(|row| row.all_channels);
    Ok((all, rows.into_iter().flat_map(|row| row.channel_ids).collect()))
}

/// The active members of some teams, as (tenant, team, agent).
pub async fn active_members(
    connection: &mut Connection,
    teams: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, Uuid, Uuid)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = teams.iter().copied().unzip();
    let rows = sqlx::query!(
        "SELECT m.tenant_id, m.team_id, m.agent_id
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, team_id)
              JOIN team_member m USING (tenant_id, team_id)
              JOIN agent a ON a.tenant_id = m.tenant_id AND a.id = m.agent_id
         WHERE a.state = 1",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.team_id, row.agent_id)).collect())
}

/// The names of some agents and teams.
pub async fn names(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", display_name AS "name!" FROM agent WHERE tenant_id = $1 AND id = ANY ($2)
           UNION ALL
           SELECT id, display_name FROM team WHERE tenant_id = $1 AND id = ANY ($2)"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Teams by (tenant, id), in no order; what is gone is left out.
pub async fn read(connection: &mut Connection, ids: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Team)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
    let records = sqlx::query_as!(
        Record,
        r#"SELECT t.tenant_id, t.id, t.display_name,
                  ARRAY (SELECT m.agent_id FROM team_member m WHERE m.tenant_id = t.tenant_id AND m.team_id = t.id
                         ORDER BY m.agent_id) AS "agent_ids!",
                  t.lead_agent_id, t.all_channels, t.channel_ids, t.fallback_team_id, t.created_at, t.version
           FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) JOIN team t USING (tenant_id, id)"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(records.into_iter().map(Into::into).collect())
}

/// A tenant's teams in the order of their ids, after the given one.
pub async fn page(
    connection: &mut Connection,
    tenant_id: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Team>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM team WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        tenant_id,
        after,
        limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    let wanted: Vec<(Uuid, Uuid)> = ids.into_iter().map(|id| (tenant_id, id)).collect();
    let mut teams: Vec<Team> = read(connection, &wanted).await?.into_iter().map(|(_, team)| team).collect();
    teams.sort_unstable_by_key(|team| team.id);
    Ok(teams)
}

/// Everybody's teams in the order of (tenant, id), for a snapshot.
pub async fn keys(connection: &mut Connection, after: (Uuid, Uuid), limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM team WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
