use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::kinds::{StandardView, ViewColumn, ViewScope, checked};
use crate::domain::order::Order;
use crate::domain::view::problems::Noun;
use crate::domain::view::{Look, Owner, View};
use crate::domain::viewer::{Scope, Viewer};

struct Record {
    id: Uuid,
    scope: i16,
    owner_id: Option<Uuid>,
    standard: i16,
    name: String,
    icon: String,
    colour: String,
    filter: Value,
    sort_order: i16,
    columns: Vec<i16>,
    hidden: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

impl Record {
    fn into_view(self) -> Result<View> {
        let owner = match (checked(ViewScope::from_number(self.scope)), self.owner_id) {
            (ViewScope::Personal, Some(agent)) => Owner::Agent(agent),
            (ViewScope::Team, Some(team)) => Owner::Team(team),
            _ => Owner::Tenant,
        };
        let look = Look {
            name: self.name,
            icon: self.icon,
            colour: self.colour,
            filter: serde_json::from_value(self.filter).map_err(Fault::internal)?,
            order: checked(Order::from_number(self.sort_order.into())),
            columns: self.columns.into_iter().map(|it| checked(ViewColumn::from_number(it))).collect(),
            hidden: self.hidden,
        };
        Ok(View {
            id: self.id,
            owner,
            standard: StandardView::from_number(self.standard),
            look,
            created_at: Some(self.created_at),
            updated_at: Some(self.updated_at),
            version: self.version,
        })
    }
}

/// The stored views that a caller sees: the tenant's, its teams' (every team's for supervisors and admins) and its own.
/// The limits bound them.
pub async fn seen_by(connection: &mut Connection, viewer: &Viewer) -> Result<Vec<View>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT id, scope, owner_id, standard, name, icon, colour, filter, sort_order, columns, hidden, created_at,
                updated_at, version
         FROM view
         WHERE tenant_id = $1
           AND (scope = 3 OR (scope = 2 AND ($2 OR owner_id = ANY($3))) OR (scope = 1 AND owner_id = $4))",
        viewer.tenant_id,
        viewer.is_supervisor,
        &viewer.team_ids,
        viewer.agent_id,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Record::into_view).collect()
}

pub async fn find(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<View>> {
    let row = sqlx::query_as!(
        Record,
        "SELECT id, scope, owner_id, standard, name, icon, colour, filter, sort_order, columns, hidden, created_at,
                updated_at, version
         FROM view WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(Record::into_view).transpose()
}

pub async fn lock(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<View>> {
    let row = sqlx::query_as!(
        Record,
        "SELECT id, scope, owner_id, standard, name, icon, colour, filter, sort_order, columns, hidden, created_at,
                updated_at, version
         FROM view WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(Record::into_view).transpose()
}

fn columns(look: &Look) -> Vec<i16> {
    look.columns.iter().map(|column| column.number()).collect()
}

/// Inserts a view; false when its id is taken.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, view: &View) -> Result<bool> {
    let look = &view.look;
    let inserted = sqlx::query!(
        "INSERT INTO view (tenant_id, id, scope, owner_id, standard, name, icon, colour, filter, sort_order, columns,
             hidden, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
        tenant_id,
        view.id,
        view.owner.scope().number(),
        view.owner.id(),
        view.standard.map_or(0, StandardView::number),
        look.name,
        look.icon,
        look.colour,
        serde_json::to_value(&look.filter).map_err(Fault::internal)?,
        look.order.number(),
        &columns(look),
        look.hidden,
        view.created_at,
        view.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Saves a locked view; false when it is gone.
pub async fn save(connection: &mut Connection, tenant_id: Uuid, view: &View) -> Result<bool> {
    let look = &view.look;
    let saved = sqlx::query!(
        "UPDATE view SET name = $3, icon = $4, colour = $5, filter = $6, sort_order = $7, columns = $8, hidden = $9,
             updated_at = $10, version = $11
         WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        view.id,
        look.name,
        look.icon,
        look.colour,
        serde_json::to_value(&look.filter).map_err(Fault::internal)?,
        look.order.number(),
        &columns(look),
        look.hidden,
        view.updated_at,
        view.version,
    )
    .execute(connection)
    .await?;
    Ok(saved.rows_affected() == 1)
}

/// Deletes a locked view.
pub async fn delete(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<()> {
    let deleted = sqlx::query!("DELETE FROM view WHERE tenant_id = $1 AND id = $2", tenant_id, id)
        .execute(connection)
        .await?;
    super::all_written(deleted.rows_affected(), 1)
}

/// Holds off others who make views in the tenant; false when there is no such tenant.
pub async fn lock_tenant(connection: &mut Connection, tenant_id: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!("SELECT id FROM tenant WHERE id = $1 FOR NO KEY UPDATE", tenant_id)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// How many views count against the limit of an owner, at most `most`: an agent's own, else those of the tenant and its
/// teams together. Standard ones do not count.
pub async fn number(connection: &mut Connection, tenant_id: Uuid, owner: Owner, most: i64) -> Result<i64> {
    let agent_id = if let Owner::Agent(agent) = owner { Some(agent) } else { None };
    let number = sqlx::query_scalar!(
        r#"SELECT count(*) AS "number!" FROM (
               SELECT 1 FROM view WHERE tenant_id = $1 AND standard = 0
                   AND CASE WHEN $2::uuid IS NULL THEN scope <> 1 ELSE scope = 1 AND owner_id = $2 END
               LIMIT $3) AS counted"#,
        tenant_id,
        agent_id,
        most,
    )
    .fetch_one(connection)
    .await?;
    Ok(number)
}

pub async fn has_team(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!("SELECT id FROM team WHERE tenant_id = $1 AND id = $2", tenant_id, id)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Which of these exist, each with whether it still takes part: an agent may have left, a customer may have become another.
/// Contacts and customers of channels that the caller does not see do not exist.
pub async fn known(
    connection: &mut Connection,
    viewer: &Viewer,
    asked: &[(Noun, Uuid)],
) -> Result<Vec<((Noun, Uuid), bool)>> {
    let of = |noun: Noun| -> Vec<Uuid> {
        asked.iter().filter(|(other, _)| *other == noun).map(|(_, id)| *id).collect()
    };
    let channels = match &viewer.scope {
        Scope::All => None,
        Scope::Channels(channels) => Some(channels.as_slice()),
    };
    let rows = sqlx::query!(
        r#"SELECT 1 AS "noun!", id AS "id!", true AS "active!" FROM team WHERE tenant_id = $1 AND id = ANY($2)
           UNION ALL SELECT 2, id, active FROM agent WHERE tenant_id = $1 AND id = ANY($3)
           UNION ALL SELECT 3, id, true FROM channel WHERE tenant_id = $1 AND id = ANY($4)
           UNION ALL SELECT 4, id, true FROM label WHERE tenant_id = $1 AND id = ANY($5)
           UNION ALL SELECT 5, id, true FROM contact WHERE tenant_id = $1 AND id = ANY($6)
               AND ($8::uuid[] IS NULL OR channel_id = ANY($8))
           UNION ALL SELECT 6, id, merged_into IS NULL FROM customer u WHERE tenant_id = $1 AND id = ANY($7)
               AND ($8::uuid[] IS NULL
                 OR EXISTS (SELECT FROM contact k
                            WHERE k.tenant_id = $1 AND k.customer_id = u.id AND k.channel_id = ANY($8))
                 OR EXISTS (SELECT FROM contact_customer l JOIN contact k ON k.tenant_id = $1 AND k.id = l.contact_id
                            WHERE l.tenant_id = $1 AND l.customer_id = u.id AND k.channel_id = ANY($8)))"#,
        viewer.tenant_id,
        &of(Noun::Team),
        &of(Noun::Agent),
        &of(Noun::Channel),
        &of(Noun::Label),
        &of(Noun::Contact),
        &of(Noun::Customer),
        channels as Option<&[Uuid]>,
    )
    .fetch_all(connection)
    .await?;
    let noun = |number| match number {
        1 => Noun::Team,
        2 => Noun::Agent,
        3 => Noun::Channel,
        4 => Noun::Label,
        5 => Noun::Contact,
        _ => Noun::Customer,
    };
    Ok(rows.into_iter().map(|row| ((noun(row.noun), row.id), row.active)).collect())
}

/// How an agent has arranged its views.
#[derive(Debug, Default)]
pub struct Arrangement {
    pub view_ids: Vec<Uuid>,
    pub pinned_ids: Vec<Uuid>,
    pub default_view_id: Option<Uuid>,
}

pub async fn arrangement(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
) -> Result<Arrangement> {
    let found = sqlx::query_as!(
        Arrangement,
        "SELECT view_ids, pinned_ids, default_view_id FROM agent_views WHERE tenant_id = $1 AND agent_id = $2",
        tenant_id,
        agent_id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.unwrap_or_default())
}

pub async fn arrange(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    view_ids: &[Uuid],
    pinned_ids: &[Uuid],
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent_views (tenant_id, agent_id, view_ids, pinned_ids) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, agent_id) DO UPDATE SET view_ids = excluded.view_ids, pinned_ids = excluded.pinned_ids",
        tenant_id,
        agent_id,
        view_ids,
        pinned_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn set_agent_default(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    view_id: Option<Uuid>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO agent_views (tenant_id, agent_id, default_view_id) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, agent_id) DO UPDATE SET default_view_id = excluded.default_view_id",
        tenant_id,
        agent_id,
        view_id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn set_team_default(
    connection: &mut Connection,
    tenant_id: Uuid,
    team_id: Uuid,
    view_id: Option<Uuid>,
) -> Result<()> {
    if let Some(view_id) = view_id {
        sqlx::query!(
            "INSERT INTO team_views (tenant_id, team_id, default_view_id) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, team_id) DO UPDATE SET default_view_id = excluded.default_view_id",
            tenant_id,
            team_id,
            view_id,
        )
        .execute(connection)
        .await?;
    } else {
        sqlx::query!("DELETE FROM team_views WHERE tenant_id = $1 AND team_id = $2", tenant_id, team_id)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Team and view, in the order of the teams' ids: of the caller's teams, or of all for supervisors and admins.
pub async fn team_defaults(connection: &mut Connection, viewer: &Viewer) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT team_id, default_view_id FROM team_views
         WHERE tenant_id = $1 AND ($2 OR team_id = ANY($3)) ORDER BY team_id LIMIT 1000",
        viewer.tenant_id,
        viewer.is_supervisor,
        &viewer.team_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.team_id, row.default_view_id)).collect())
}
