//! Notes of the team.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::model::Note;

pub async fn insert(connection: &mut Connection, tenant: Uuid, note: &Note) -> Result<()> {
    sqlx::query!(
        "INSERT INTO note (tenant_id, id, customer_id, text, author_subject, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        tenant,
        note.id,
        note.customer_id,
        note.text,
        note.author_subject,
        note.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes about the customers of a merged set, newest first, before a place. Each customer's newest are read from the
/// head of the index.
pub async fn before(
    connection: &mut Connection,
    tenant: Uuid,
    customers: &[Uuid],
    place: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Note>> {
    let (at, id) = place.unzip();
    let notes = sqlx::query_as!(
        Note,
        r#"SELECT n.id AS "id!", n.customer_id AS "customer_id!", n.text AS "text!",
                  n.author_subject AS "author_subject!", n.created_at AS "created_at!"
           FROM unnest($2::uuid[]) AS m (id)
           CROSS JOIN LATERAL (
               SELECT * FROM note WHERE tenant_id = $1 AND customer_id = m.id
                 AND (created_at, id) < (coalesce($3, 'infinity'::timestamptz), coalesce($4, m.id))
               ORDER BY created_at DESC, id DESC LIMIT $5
           ) AS n
           ORDER BY n.created_at DESC, n.id DESC LIMIT $5"#,
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
