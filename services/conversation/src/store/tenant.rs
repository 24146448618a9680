use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{TenantState, checked};
use crate::domain::model::Tenant;

struct Record {
    id: Uuid,
    name: String,
    state: i16,
    dedup_key: Vec<u8>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<Record> for Tenant {
    fn from(row: Record) -> Self {
        Self {
            id: row.id,
            name: row.name,
            state: checked(TenantState::from_number(row.state)),
            dedup_key: row.dedup_key.try_into().unwrap_or_default(),
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// Inserts a tenant; false when the id is taken.
pub async fn insert(connection: &mut Connection, tenant: &Tenant) -> Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO tenant (id, name, state, dedup_key, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        tenant.id,
        tenant.name,
        tenant.state.number(),
        &tenant.dedup_key[..],
        tenant.created_at,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn find(connection: &mut Connection, ids: &[Uuid]) -> Result<Vec<Tenant>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT id, name, state, dedup_key, created_at, version FROM tenant WHERE id = ANY($1)",
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

pub async fn set_state(connection: &mut Connection, id: Uuid, state: TenantState) -> Result<Option<Tenant>> {
    let row = sqlx::query_as!(
        Record,
        "UPDATE tenant SET state = $2, version = version + 1 WHERE id = $1
         RETURNING id, name, state, dedup_key, created_at, version",
        id,
        state.number(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Tenant::from))
}

pub async fn page(connection: &mut Connection, after: Uuid, limit: i64) -> Result<Vec<Tenant>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT id, name, state, dedup_key, created_at, version FROM tenant WHERE id > $1 ORDER BY id LIMIT $2",
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

/// The suspended ones, few by nature: every process keeps them in memory.
pub async fn suspended(connection: &mut Connection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar!("SELECT id FROM tenant WHERE state = 2").fetch_all(connection).await?)
}
