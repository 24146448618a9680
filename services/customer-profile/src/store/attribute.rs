//! Definitions of attributes, and what people said of customers under them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use tandem_database::{Connection, Error, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use crate::domain::attribute::{Definition, Kind, MOST_OF_TENANT};
use crate::domain::model::Key;

struct Row {
    id: Uuid,
    key: String,
    title: String,
    r#type: i16,
    options: Vec<String>,
    version: i64,
    created_at: DateTime<Utc>,
}

impl Row {
    fn definition(self) -> Result<Definition> {
        let kind =
            Kind::of_number(self.r#type).ok_or_else(|| Fault::internal("an unknown type of attribute"))?;
        Ok(Definition {
            id: self.id,
            key: self.key,
            title: self.title,
            kind,
            options: self.options,
            version: self.version,
            created_at: self.created_at,
        })
    }
}

/// A tenant's definitions by key: at most [`MOST_OF_TENANT`].
pub async fn of_tenant(connection: &mut Connection, tenant: Uuid) -> Result<Vec<Definition>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, key, title, type, options, version, created_at FROM attribute_definition
         WHERE tenant_id = $1 ORDER BY key",
        tenant,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::definition).collect()
}

/// A definition, locked.
pub async fn lock(connection: &mut Connection, (tenant, id): Key) -> Result<Option<Definition>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, key, title, type, options, version, created_at FROM attribute_definition
         WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(Row::definition).transpose()
}

/// Counts one more definition of a tenant; `false` when it has all that it may have. Who creates comes one after the other.
pub async fn reserve(connection: &mut Connection, tenant: Uuid) -> Result<bool> {
    let reserved = sqlx::query!(
        "INSERT INTO tenant_totals (tenant_id, attribute_definitions) VALUES ($1, 1)
         ON CONFLICT (tenant_id) DO UPDATE SET attribute_definitions = tenant_totals.attribute_definitions + 1
         WHERE tenant_totals.attribute_definitions < $2",
        tenant,
        MOST_OF_TENANT,
    )
    .execute(connection)
    .await?;
    Ok(reserved.rows_affected() == 1)
}

/// # Errors
/// `ALREADY_EXISTS` when the key is taken.
pub async fn insert(connection: &mut Connection, tenant: Uuid, definition: &Definition) -> Result<()> {
    sqlx::query!(
        "INSERT INTO attribute_definition (tenant_id, id, key, title, type, options, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant,
        definition.id,
        definition.key,
        definition.title,
        definition.kind.number(),
        &definition.options,
        definition.version,
        definition.created_at,
    )
    .execute(connection)
    .await
    .map_err(taken)?;
    Ok(())
}

/// Writes a locked definition. Its type and its time stay.
///
/// # Errors
/// `ALREADY_EXISTS` when the key is taken.
pub async fn write(connection: &mut Connection, tenant: Uuid, definition: &Definition) -> Result<()> {
    sqlx::query!(
        "UPDATE attribute_definition SET key = $3, title = $4, options = $5, version = $6
         WHERE tenant_id = $1 AND id = $2",
        tenant,
        definition.id,
        definition.key,
        definition.title,
        &definition.options,
        definition.version,
    )
    .execute(connection)
    .await
    .map_err(taken)?;
    Ok(())
}

fn taken(error: sqlx::Error) -> Error {
    let error = Error::from(error);
    if error.constraint() == Some("attribute_definition_tenant_id_key_key") {
        return Fault::new(Reason::AlreadyExists, "an attribute with this key exists")
            .with("field", "key")
            .into();
    }
    error
}

/// Removes a definition. Its values are seen no more; each goes when its customer's attributes change next.
pub async fn remove(connection: &mut Connection, (tenant, id): Key) -> Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM attribute_definition WHERE tenant_id = $1 AND id = $2 RETURNING id)
         UPDATE tenant_totals SET attribute_definitions = attribute_definitions - 1
         WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM gone)",
        tenant,
        id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what people say of a customer whose row is locked; `None` takes a value off. What was said under definitions other
/// than `known` goes.
pub async fn say(
    connection: &mut Connection,
    (tenant, id): Key,
    said: &BTreeMap<Uuid, Option<String>>,
    known: &[Uuid],
) -> Result<()> {
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "UPDATE customer SET said_attributes = (
             SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
             FROM jsonb_each(said_attributes || $3) AS e WHERE e.key = ANY ($4))
         WHERE tenant_id = $1 AND id = $2",
        tenant,
        id,
        Json(said) as _,
        &known,
    )
    .execute(connection)
    .await?;
    Ok(())
}
