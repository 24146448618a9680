//! What this service knows of others. Every write compares `(generation, version)` and keeps the newer.

use std::collections::HashMap;

use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Conversations of one contact that live lists are told of, newest first: screens show those.
const TOLD: i64 = 20;

/// An agent as assignment tells of it.
#[derive(Debug, Clone)]
pub struct Agent {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub subject: String,
    pub name: String,
    pub active: bool,
    pub version: i64,
}

/// A team as assignment tells of it.
#[derive(Debug, Clone)]
pub struct Team {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub name: String,
    pub all_channels: bool,
    pub channel_ids: Vec<Uuid>,
    pub agent_ids: Vec<Uuid>,
    pub version: i64,
}

/// A customer as customer-profile tells of it.
#[derive(Debug, Clone)]
pub struct Customer {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub name: String,
    pub tag_ids: Vec<Uuid>,
    pub merged_into: Option<Uuid>,
    pub contact_ids: Vec<Uuid>,
    pub version: i64,
}

pub async fn apply_agents(connection: &mut Connection, generation: i64, agents: &[Agent]) -> Result<()> {
    let tenants: Vec<Uuid> = agents.iter().map(|agent| agent.tenant_id).collect();
    let ids: Vec<Uuid> = agents.iter().map(|agent| agent.id).collect();
    let subjects: Vec<String> = agents.iter().map(|agent| agent.subject.clone()).collect();
    let names: Vec<String> = agents.iter().map(|agent| agent.name.clone()).collect();
    let active: Vec<bool> = agents.iter().map(|agent| agent.active).collect();
    let versions: Vec<i64> = agents.iter().map(|agent| agent.version).collect();
    sqlx::query!(
        "INSERT INTO agent (tenant_id, id, subject, name, active, version, generation)
         SELECT n.*, $7 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::bigint[]) AS n
         ON CONFLICT (tenant_id, id) DO UPDATE SET subject = excluded.subject, name = excluded.name,
             active = excluded.active, version = excluded.version, generation = excluded.generation
         WHERE (agent.generation, agent.version) < (excluded.generation, excluded.version)",
        &tenants,
        &ids,
        &subjects,
        &names,
        &active,
        &versions,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Teams come a few at a time: a statement each, since their lists have different lengths.
pub async fn apply_team(connection: &mut Connection, generation: i64, team: &Team) -> Result<()> {
    sqlx::query!(
        "INSERT INTO team (tenant_id, id, name, all_channels, channel_ids, agent_ids, version, generation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, all_channels = excluded.all_channels,
             channel_ids = excluded.channel_ids, agent_ids = excluded.agent_ids, version = excluded.version,
             generation = excluded.generation
         WHERE (team.generation, team.version) < (excluded.generation, excluded.version)",
        team.tenant_id,
        team.id,
        team.name,
        team.all_channels,
        &team.channel_ids,
        &team.agent_ids,
        team.version,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn apply_customers(
    connection: &mut Connection,
    generation: i64,
    customers: &[Customer],
) -> Result<()> {
    let tenants: Vec<Uuid> = customers.iter().map(|customer| customer.tenant_id).collect();
    let ids: Vec<Uuid> = customers.iter().map(|customer| customer.id).collect();
    let names: Vec<String> = customers.iter().map(|customer| customer.name.clone()).collect();
    // Arrays of arrays must be even in SQL: tags travel as text and are cut apart again.
    let tags: Vec<String> = customers
        .iter()
        .map(|customer| customer.tag_ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","))
        .collect();
    let merged: Vec<Option<Uuid>> = customers.iter().map(|customer| customer.merged_into).collect();
    let versions: Vec<i64> = customers.iter().map(|customer| customer.version).collect();
    sqlx::query!(
        "INSERT INTO customer (tenant_id, id, name, tag_ids, merged_into, version, generation)
         SELECT n.tenant_id, n.id, n.name, string_to_array(n.tags, ',')::uuid[], n.merged_into, n.version, $7
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[])
              AS n (tenant_id, id, name, tags, merged_into, version)
         ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, tag_ids = excluded.tag_ids,
             merged_into = excluded.merged_into, version = excluded.version, generation = excluded.generation
         WHERE (customer.generation, customer.version) < (excluded.generation, excluded.version)",
        &tenants,
        &ids,
        &names,
        &tags,
        &merged as &[Option<Uuid>],
        &versions,
        generation,
    )
    .execute(&mut *connection)
    .await?;
    let (mut tenants, mut contacts, mut owners, mut versions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for customer in customers.iter().filter(|customer| customer.merged_into.is_none()) {
        for contact in &customer.contact_ids {
            tenants.push(customer.tenant_id);
            contacts.push(*contact);
            owners.push(customer.id);
            versions.push(customer.version);
        }
    }
    sqlx::query!(
        "INSERT INTO contact_customer (tenant_id, contact_id, customer_id, version, generation)
         SELECT DISTINCT ON (n.tenant_id, n.contact_id) n.tenant_id, n.contact_id, n.customer_id, n.version, $5
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) AS n (tenant_id, contact_id, customer_id, version)
         ORDER BY n.tenant_id, n.contact_id, n.version DESC
         ON CONFLICT (tenant_id, contact_id) DO UPDATE SET customer_id = excluded.customer_id,
             version = excluded.version, generation = excluded.generation",
        &tenants,
        &contacts,
        &owners,
        &versions,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Customers whose name, tags or merge are not as the projection has them.
pub async fn shown_otherwise(
    connection: &mut Connection,
    customers: &[Customer],
) -> Result<Vec<(Uuid, Uuid)>> {
    let ids: Vec<Uuid> = customers.iter().map(|customer| customer.id).collect();
    let tenants: Vec<Uuid> = customers.iter().map(|customer| customer.tenant_id).collect();
    let known = sqlx::query!(
        "SELECT tenant_id, id, name, tag_ids, merged_into FROM customer
         WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let known: HashMap<(Uuid, Uuid), _> =
        known.into_iter().map(|row| ((row.tenant_id, row.id), row)).collect();
    let changed = customers.iter().filter(|customer| {
        known.get(&(customer.tenant_id, customer.id)).is_some_and(|row| {
            row.name != customer.name
                || row.tag_ids != customer.tag_ids
                || row.merged_into != customer.merged_into
        })
    });
    Ok(changed.map(|customer| (customer.tenant_id, customer.id)).collect())
}

/// The newest conversations of customers' contacts, as changes of the feed.
pub async fn conversations_of(connection: &mut Connection, customers: &[(Uuid, Uuid)]) -> Result<Vec<Row>> {
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = customers.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"SELECT n.tenant_id AS "tenant_id!", c.id, c.version
           FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, id)
           CROSS JOIN LATERAL (
               SELECT k.id FROM contact k WHERE k.tenant_id = n.tenant_id AND k.customer_id = n.id
               UNION SELECT l.contact_id FROM contact_customer l
               WHERE l.tenant_id = n.tenant_id AND l.customer_id = n.id) AS k
           CROSS JOIN LATERAL (
               SELECT c.id, c.version FROM conversation c
               WHERE c.tenant_id = n.tenant_id AND c.contact_id = k.id ORDER BY c.id DESC LIMIT $3) AS c"#,
        &tenants,
        &ids,
        TOLD,
    )
    .fetch_all(connection)
    .await?;
    let change =
        |tenant_id, entity_id, version| Row { tenant_id, kind: ChangeKind::Conversation, entity_id, version };
    Ok(rows.into_iter().map(|row| change(row.tenant_id, row.id, row.version)).collect())
}

/// Removes customers that are no more, and what they owned.
pub async fn remove_customers(connection: &mut Connection, gone: &[(Uuid, Uuid)]) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = gone.iter().copied().unzip();
    sqlx::query!(
        "DELETE FROM customer c USING unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, id)
         WHERE c.tenant_id = n.tenant_id AND c.id = n.id",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM contact_customer c USING unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, id)
         WHERE c.tenant_id = n.tenant_id AND c.customer_id = n.id",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a rebuild of the assignment feed.
pub async fn sweep_assignment(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM agent WHERE generation < $1", generation).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM team WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}

/// Ends a rebuild of the customer-profile feed.
pub async fn sweep_customers(connection: &mut Connection, generation: i64) -> Result<()> {
    // Generation 0 is what this service wrote itself.
    sqlx::query!("DELETE FROM customer WHERE generation BETWEEN 1 AND $1::bigint - 1", generation)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM contact_customer WHERE generation < $1", generation)
        .execute(connection)
        .await?;
    Ok(())
}

/// Who a token's subject is here.
#[derive(Debug, Clone)]
pub struct Membership {
    pub agent_id: Uuid,
    pub team_ids: Vec<Uuid>,
    pub all_channels: bool,
    pub channel_ids: Vec<Uuid>,
}

/// The active agent of a token's subject, with teams and what they may see.
pub async fn membership(
    connection: &mut Connection,
    tenant_id: Uuid,
    subject: &str,
) -> Result<Option<Membership>> {
    let row = sqlx::query!(
        r#"SELECT a.id,
                  coalesce(array_agg(t.id) FILTER (WHERE t.id IS NOT NULL), '{}') AS "team_ids!",
                  coalesce(bool_or(t.all_channels), false) AS "all_channels!",
                  coalesce((SELECT array_agg(DISTINCT ch.id) FROM team s, unnest(s.channel_ids) AS ch (id)
                            WHERE s.tenant_id = a.tenant_id AND s.agent_ids @> ARRAY[a.id]), '{}') AS "channel_ids!"
           FROM agent a LEFT JOIN team t ON t.tenant_id = a.tenant_id AND t.agent_ids @> ARRAY[a.id]
           WHERE a.tenant_id = $1 AND a.subject = $2 AND a.active
           GROUP BY a.tenant_id, a.id ORDER BY a.id LIMIT 1"#,
        tenant_id,
        subject,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Membership {
        agent_id: row.id,
        team_ids: row.team_ids,
        all_channels: row.all_channels,
        channel_ids: row.channel_ids,
    }))
}

/// Those of some agents who are active.
pub async fn active_agents(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let active = sqlx::query_scalar!(
        "SELECT id FROM agent WHERE tenant_id = $1 AND id = ANY($2) AND active",
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(active)
}

/// The names of agents and teams.
pub async fn names(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", name AS "name!" FROM agent WHERE tenant_id = $1 AND id = ANY($2)
           UNION ALL SELECT id, name FROM team WHERE tenant_id = $1 AND id = ANY($2)"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The name of a holder, for an error that tells who won.
pub async fn holder_name(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<String>> {
    let name = sqlx::query_scalar!(
        r#"SELECT name AS "name!" FROM agent WHERE tenant_id = $1 AND id = $2
           UNION ALL SELECT name FROM team WHERE tenant_id = $1 AND id = $2"#,
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(name)
}
