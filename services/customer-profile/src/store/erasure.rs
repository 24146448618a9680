//! Erasures, and what they empty here.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use tandem_request_log::Request;
use uuid::Uuid;

use super::split;
use crate::domain::erasure::{Erasure, State};
use crate::domain::model::Key;

struct Row {
    tenant_id: Uuid,
    id: Uuid,
    customer_id: Uuid,
    customer_ids: Vec<Uuid>,
    contact_ids: Vec<Uuid>,
    state: i16,
    tokens: Vec<String>,
    conversations_erased: i64,
    messages_erased: i64,
    conversations_left: i64,
    waits_for: String,
    by_subject: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl From<Row> for Erasure {
    fn from(row: Row) -> Self {
        Self {
            tenant_id: row.tenant_id,
            id: row.id,
            customer_id: row.customer_id,
            customer_ids: row.customer_ids,
            contact_ids: row.contact_ids,
            state: State::from_number(row.state),
            tokens: row.tokens,
            conversations_erased: row.conversations_erased,
            messages_erased: row.messages_erased,
            conversations_left: row.conversations_left,
            waits_for: row.waits_for,
            by_subject: row.by_subject,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
        }
    }
}

/// Notes that a kept answer is about customers, in the transaction that records it.
pub async fn about(connection: &mut Connection, request: &Request, customers: &[Uuid]) -> Result<()> {
    let ids: BTreeSet<Uuid> = customers.iter().copied().collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    sqlx::query!(
        "INSERT INTO answer_about (tenant_id, customer_id, scope, request_id)
         SELECT $1, id, $3, $4 FROM unnest($2::uuid[]) AS c (id)",
        request.tenant_id,
        &ids,
        request.scope,
        request.request_id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks what people noted about customers.
pub async fn lock_notes(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(keys);
    sqlx::query!(
        "SELECT FROM note WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         ORDER BY tenant_id, id FOR UPDATE",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Empties locked customers and everything that hangs on them here. Their contacts are emptied as conversation will say.
pub async fn empty(
    connection: &mut Connection,
    keys: &BTreeSet<Key>,
    erasure_id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let (tenants, ids) = split(keys);
    sqlx::query!(
        "UPDATE customer SET corrected_name = NULL, language = NULL, time_zone = NULL, company = NULL,
             said_category = NULL, said_attributes = '{}', erased_at = $3, erasure_id = $4,
             edit_version = edit_version + 1
         WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
        now,
        erasure_id,
    )
    .execute(&mut *connection)
    .await?;
    // Notes before what they said before: who edits one at this moment adds to that, and is waited for here.
    sqlx::query!(
        "DELETE FROM note WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM note_revision
         WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM customer_tag
         WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM dismissed_suggestion d USING unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
         WHERE d.tenant_id = s.tenant_id AND (d.one_id = s.id OR d.other_id = s.id)",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE request_log l SET answer = NULL FROM answer_about a
         WHERE (a.tenant_id, a.customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
           AND l.tenant_id = a.tenant_id AND l.scope = a.scope AND l.request_id = a.request_id",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    super::import::bury(connection, &tenants, &ids).await?;
    empty_contacts(connection, &tenants, &ids).await
}

async fn empty_contacts(connection: &mut Connection, tenants: &[Uuid], customers: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "WITH k AS (
             UPDATE contact SET display_name = '', identities = '[]'
             WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
             RETURNING tenant_id, id),
         ids AS (
             DELETE FROM contact_external_id e USING k WHERE e.tenant_id = k.tenant_id AND e.contact_id = k.id)
         DELETE FROM contact_address a USING k WHERE a.tenant_id = k.tenant_id AND a.contact_id = k.id",
        tenants,
        customers,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn insert(connection: &mut Connection, erasure: &Erasure) -> Result<()> {
    sqlx::query!(
        "INSERT INTO erasure (tenant_id, id, customer_id, customer_ids, contact_ids, state, by_subject, created_at,
             updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        erasure.tenant_id,
        erasure.id,
        erasure.customer_id,
        &erasure.customer_ids,
        &erasure.contact_ids,
        erasure.state.number(),
        erasure.by_subject,
        erasure.created_at,
        erasure.updated_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn find(connection: &mut Connection, (tenant, id): Key) -> Result<Option<Erasure>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT tenant_id, id, customer_id, customer_ids, contact_ids, state, tokens, conversations_erased,
                messages_erased, conversations_left, waits_for, by_subject, created_at, updated_at, ended_at
         FROM erasure WHERE tenant_id = $1 AND id = $2",
        tenant,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Erasure::from))
}

/// The erasure of a customer, if it was erased.
pub async fn of_customer(connection: &mut Connection, (tenant, customer): Key) -> Result<Option<Erasure>> {
    let id = sqlx::query_scalar!(
        "SELECT erasure_id FROM customer WHERE tenant_id = $1 AND id = $2",
        tenant,
        customer
    )
    .fetch_optional(&mut *connection)
    .await?;
    match id.flatten() {
        Some(id) => find(connection, (tenant, id)).await,
        None => Ok(None),
    }
}

/// A tenant's erasures before an id, newest first.
pub async fn before(connection: &mut Connection, tenant: Uuid, id: Uuid, limit: i64) -> Result<Vec<Erasure>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT tenant_id, id, customer_id, customer_ids, contact_ids, state, tokens, conversations_erased,
                messages_erased, conversations_left, waits_for, by_subject, created_at, updated_at, ended_at
         FROM erasure WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        tenant,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Erasure::from).collect())
}

/// Takes a running erasure that nobody works on and that is none of `passed`: whoever went on longest ago.
pub async fn take(
    connection: &mut Connection,
    lease: Uuid,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
    passed: &[Uuid],
) -> Result<Option<Erasure>> {
    let row = sqlx::query_as!(
        Row,
        "UPDATE erasure e SET lease = $1, lease_until = $3
         FROM (SELECT tenant_id, id FROM erasure
               WHERE state < 3 AND (lease_until IS NULL OR lease_until <= $2) AND NOT id = ANY ($4)
               ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS free
         WHERE e.tenant_id = free.tenant_id AND e.id = free.id
         RETURNING e.tenant_id, e.id, e.customer_id, e.customer_ids, e.contact_ids, e.state, e.tokens,
             e.conversations_erased, e.messages_erased, e.conversations_left, e.waits_for, e.by_subject, e.created_at,
             e.updated_at, e.ended_at",
        lease,
        now,
        until,
        passed,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Erasure::from))
}

/// Writes how far an erasure is, and gives it back; nothing where another process has taken it over.
pub async fn give_back(connection: &mut Connection, erasure: &Erasure, lease: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE erasure SET state = $4, tokens = $5, conversations_erased = $6, messages_erased = $7,
             conversations_left = $8, waits_for = $9, updated_at = $10, ended_at = $11, lease = NULL, lease_until = NULL
         WHERE tenant_id = $1 AND id = $2 AND lease = $3",
        erasure.tenant_id,
        erasure.id,
        lease,
        erasure.state.number(),
        &erasure.tokens,
        erasure.conversations_erased,
        erasure.messages_erased,
        erasure.conversations_left,
        erasure.waits_for,
        erasure.updated_at,
        erasure.ended_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}
