//! Notes of the team, and what they said before.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::model::{Key, Note, Revision};
use crate::domain::note::{History, Place};

pub async fn insert(connection: &mut Connection, tenant: Uuid, note: &Note) -> Result<()> {
    sqlx::query!(
        "INSERT INTO note (tenant_id, id, customer_id, text, author_subject, created_at, author_kind,
                           mention_agent_ids, version, called_agent_ids, called_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant,
        note.id,
        note.customer_id,
        note.text,
        note.author_subject,
        note.created_at,
        if note.by_ai { 2_i16 } else { 3 },
        &note.mention_agent_ids,
        note.version,
        &note.called_agent_ids,
        &note.called_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A note, locked.
pub async fn lock(connection: &mut Connection, (tenant, id): Key) -> Result<Option<Note>> {
    let note = sqlx::query_as!(
        Note,
        r#"SELECT id, customer_id, text, author_subject, created_at, author_kind = 2 AS "by_ai!", mention_agent_ids,
                  pinned_at, edited_at, edited_by, called_agent_ids, called_at, version
           FROM note WHERE tenant_id = $1 AND id = $2 FOR UPDATE"#,
        tenant,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(note)
}

/// Writes what may change of a note whose row is locked.
pub async fn write(connection: &mut Connection, tenant: Uuid, note: &Note) -> Result<()> {
    sqlx::query!(
        "UPDATE note SET text = $3, mention_agent_ids = $4, pinned_at = $5, edited_at = $6, edited_by = $7, version = $8,
             called_agent_ids = $9, called_at = $10
         WHERE tenant_id = $1 AND id = $2",
        tenant,
        note.id,
        note.text,
        &note.mention_agent_ids,
        note.pinned_at,
        note.edited_at,
        note.edited_by,
        note.version,
        &note.called_agent_ids,
        &note.called_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps what a note says before it is edited or, `last`, deleted.
pub async fn keep(
    connection: &mut Connection,
    tenant: Uuid,
    note: &Note,
    by: &str,
    at: DateTime<Utc>,
    last: bool,
) -> Result<()> {
    if last {
        sqlx::query!(
            "UPDATE note_revision SET of_deleted = true WHERE tenant_id = $1 AND note_id = $2",
            tenant,
            note.id,
        )
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query!(
        "INSERT INTO note_revision (tenant_id, note_id, number, customer_id, text, written_by, written_at, ended_by,
                                    ended_at, of_deleted, is_last)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        tenant,
        note.id,
        note.version,
        note.customer_id,
        note.text,
        note.edited_by.as_deref().unwrap_or(&note.author_subject),
        note.edited_at.unwrap_or(note.created_at),
        by,
        at,
        last,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn delete(connection: &mut Connection, (tenant, id): Key) -> Result<()> {
    sqlx::query!("DELETE FROM note WHERE tenant_id = $1 AND id = $2", tenant, id).execute(connection).await?;
    Ok(())
}

/// How many notes are pinned on a customer.
pub async fn pinned(connection: &mut Connection, (tenant, customer): Key) -> Result<i64> {
    let pinned = sqlx::query_scalar!(
        r#"SELECT count(*) AS "pinned!" FROM note
           WHERE tenant_id = $1 AND customer_id = $2 AND pinned_at IS NOT NULL"#,
        tenant,
        customer,
    )
    .fetch_one(connection)
    .await?;
    Ok(pinned)
}

/// Notes about the customers of a merged set, the pinned ones first, each newest first, after a place. Each customer's are
/// read from the heads of the two indexes.
pub async fn before(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
    place: Option<Place>,
    limit: i64,
) -> Result<Vec<Note>> {
    // Where a page ended among the pinned ones, the others are all still to come.
    let among_pinned = place.as_ref().is_none_or(|place| place.pinned);
    let (at, id) = place.map(|place| (place.at, place.id)).unzip();
    let notes = sqlx::query_as!(
        Note,
        r#"SELECT n.id AS "id!", n.customer_id AS "customer_id!", n.text AS "text!",
                  n.author_subject AS "author_subject!", n.created_at AS "created_at!",
                  n.author_kind = 2 AS "by_ai!", n.mention_agent_ids AS "mention_agent_ids!", n.pinned_at, n.edited_at,
                  n.edited_by, n.called_agent_ids AS "called_agent_ids!", n.called_at AS "called_at!",
                  n.version AS "version!"
           FROM unnest($2::uuid[]) AS m (id)
           CROSS JOIN LATERAL (
               (SELECT * FROM note WHERE tenant_id = $1 AND customer_id = m.id AND pinned_at IS NOT NULL AND $6
                  AND (created_at, id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, m.id))
                ORDER BY created_at DESC, id DESC LIMIT $5)
               UNION ALL
               (SELECT * FROM note WHERE tenant_id = $1 AND customer_id = m.id AND pinned_at IS NULL
                  AND (created_at, id) < (CASE WHEN $6 THEN 'infinity'::timestamptz ELSE $3 END, coalesce($4, m.id))
                ORDER BY created_at DESC, id DESC LIMIT $5)
           ) AS n
           ORDER BY n.pinned_at IS NULL, n.created_at DESC, n.id DESC LIMIT $5"#,
        tenant,
        customers,
        at,
        id,
        limit,
        among_pinned,
    )
    .fetch_all(connection)
    .await?;
    Ok(notes)
}

/// Notes about the customers of a merged set, newest first whether pinned or not, after a place: an order that no pin changes.
pub async fn every(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
    place: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Note>> {
    let (at, id) = place.unzip();
    let notes = sqlx::query_as!(
        Note,
        r#"SELECT id, customer_id, text, author_subject, created_at, author_kind = 2 AS "by_ai!", mention_agent_ids,
                  pinned_at, edited_at, edited_by, called_agent_ids, called_at, version
           FROM note
           WHERE tenant_id = $1 AND customer_id = ANY ($2)
             AND (created_at, id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, id))
           ORDER BY created_at DESC, id DESC LIMIT $5"#,
        tenant,
        customers,
        at,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(notes)
}

/// What notes about the customers of a merged set said before, newest first.
pub async fn revisions(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
    asked: &History,
    limit: i64,
) -> Result<Vec<Revision>> {
    let after = asked.after.as_ref();
    let rows = sqlx::query_as!(
        Revision,
        r#"SELECT r.note_id AS "note_id!", r.customer_id AS "customer_id!", r.number AS "number!", r.text AS "text!",
                  r.written_by AS "written_by!", r.written_at AS "written_at!", r.ended_by AS "ended_by!",
                  r.ended_at AS "ended_at!", r.is_last AS "is_last!"
           FROM unnest($2::uuid[]) AS m (id)
           CROSS JOIN LATERAL (
               SELECT * FROM note_revision
               WHERE tenant_id = $1 AND customer_id = m.id
                 AND (ended_at, note_id, number) <
                     (coalesce($3, 'infinity'::timestamptz), coalesce($4, m.id), coalesce($5, 0::bigint))
                 AND ($6 OR NOT of_deleted) AND ($7::uuid IS NULL OR note_id = $7)
               ORDER BY ended_at DESC, note_id DESC, number DESC LIMIT $8
           ) AS r
           ORDER BY r.ended_at DESC, r.note_id DESC, r.number DESC LIMIT $8"#,
        tenant,
        customers,
        after.map(|place| place.ended_at),
        after.map(|place| place.note_id),
        after.map(|place| place.number),
        asked.with_deleted,
        asked.note_id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Notes by their keys, each with its tenant.
pub async fn by_keys(connection: &mut Connection, keys: &[Key]) -> Result<Vec<(Uuid, Note)>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT tenant_id, id, customer_id, text, author_subject, created_at, author_kind = 2 AS "by_ai!",
                  mention_agent_ids, pinned_at, edited_at, edited_by, called_agent_ids, called_at, version
           FROM note WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) ORDER BY tenant_id, id"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let note = Note {
                id: row.id,
                customer_id: row.customer_id,
                text: row.text,
                author_subject: row.author_subject,
                created_at: row.created_at,
                by_ai: row.by_ai,
                mention_agent_ids: row.mention_agent_ids,
                pinned_at: row.pinned_at,
                edited_at: row.edited_at,
                edited_by: row.edited_by,
                called_agent_ids: row.called_agent_ids,
                called_at: row.called_at,
                version: row.version,
            };
            (row.tenant_id, note)
        })
        .collect())
}

/// Notes in the order of tenant and id, after a pair.
pub async fn after_key(connection: &mut Connection, (tenant, id): Key, limit: i64) -> Result<Vec<Key>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM note WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        tenant,
        id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}
