//! Conversations as conversation told of them, the positions of private notes, and the counts of each contact.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::model::Key;

/// One conversation's row. The default is one of which nothing was heard yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// `None` while only private notes were heard of.
    pub contact_id: Option<Uuid>,
    pub created_at: Option<DateTime<Utc>>,
    pub last_activity_at: Option<DateTime<Utc>>,
    pub last_position: i64,
    pub note_count: i64,
    pub generation: i64,
    pub version: i64,
}

/// What a contact's counts change by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    pub conversations: i64,
    pub messages: i64,
}

/// Conversations by their keys, locked in the order of these.
pub async fn lock(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<BTreeMap<Key, Known>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        "SELECT tenant_id, id, contact_id, created_at, last_activity_at, last_position, note_count, generation, version
         FROM conversation WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         ORDER BY tenant_id, id FOR UPDATE",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let known = rows.into_iter().map(|row| {
        let known = Known {
            contact_id: row.contact_id,
            created_at: row.created_at,
            last_activity_at: row.last_activity_at,
            last_position: row.last_position,
            note_count: row.note_count,
            generation: row.generation,
            version: row.version,
        };
        ((row.tenant_id, row.id), known)
    });
    Ok(known.collect())
}

/// Writes whole rows.
pub async fn write(connection: &mut Connection, rows: &[(Key, Known)]) -> Result<()> {
    let (tenants, ids) = split(rows.iter().map(|(key, _)| key));
    let (mut contacts, mut created, mut active) = (Vec::new(), Vec::new(), Vec::new());
    let (mut positions, mut notes, mut generations, mut versions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, row) in rows {
        contacts.push(row.contact_id);
        created.push(row.created_at);
        active.push(row.last_activity_at);
        positions.push(row.last_position);
        notes.push(row.note_count);
        generations.push(row.generation);
        versions.push(row.version);
    }
    sqlx::query!(
        "INSERT INTO conversation (tenant_id, id, contact_id, created_at, last_activity_at, last_position, note_count,
                                   generation, version)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
                              $7::bigint[], $8::bigint[], $9::bigint[])
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             contact_id = excluded.contact_id, created_at = excluded.created_at,
             last_activity_at = excluded.last_activity_at, last_position = excluded.last_position,
             note_count = excluded.note_count, generation = excluded.generation, version = excluded.version",
        &tenants,
        &ids,
        &contacts as &[Option<Uuid>],
        &created as &[Option<DateTime<Utc>>],
        &active as &[Option<DateTime<Utc>>],
        &positions,
        &notes,
        &generations,
        &versions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes conversations with their notes.
pub async fn remove(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(keys);
    sqlx::query!(
        "WITH gone AS (
             DELETE FROM conversation WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])))
         DELETE FROM private_note
         WHERE (tenant_id, conversation_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Conversations that a rebuild did not see.
pub async fn older_than(connection: &mut Connection, generation: i64) -> Result<BTreeSet<Key>> {
    let rows = sqlx::query!("SELECT tenant_id, id FROM conversation WHERE generation < $1", generation)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Notes where private notes stand. Answers how many are new in each conversation.
pub async fn add_notes(
    connection: &mut Connection,
    generation: i64,
    notes: &BTreeSet<(Key, i64)>,
) -> Result<BTreeMap<Key, i64>> {
    let (tenants, ids) = split(notes.iter().map(|(key, _)| key));
    let positions: Vec<i64> = notes.iter().map(|(_, position)| *position).collect();
    let rows = sqlx::query!(
        r#"INSERT INTO private_note (tenant_id, conversation_id, position, generation)
           SELECT n.tenant_id, n.conversation_id, n.position, $4
           FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (tenant_id, conversation_id, position)
           ON CONFLICT (tenant_id, conversation_id, position)
               DO UPDATE SET generation = greatest(private_note.generation, excluded.generation)
           RETURNING tenant_id, conversation_id, xmax = 0 AS "inserted!""#,
        &tenants,
        &ids,
        &positions,
        generation,
    )
    .fetch_all(connection)
    .await?;
    let mut added = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.inserted) {
        *added.entry((row.tenant_id, row.conversation_id)).or_default() += 1;
    }
    Ok(added)
}

/// Removes notes that a rebuild did not see. Answers how many in each conversation.
pub async fn remove_notes_older_than(
    connection: &mut Connection,
    generation: i64,
) -> Result<BTreeMap<Key, i64>> {
    let rows = sqlx::query!(
        r#"WITH gone AS (DELETE FROM private_note WHERE generation < $1 RETURNING tenant_id, conversation_id)
           SELECT tenant_id, conversation_id, count(*) AS "notes!" FROM gone GROUP BY tenant_id, conversation_id"#,
        generation,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.conversation_id), row.notes)).collect())
}

/// Changes the counts of contacts by differences, and reads their newest activity from the head of an index.
pub async fn count(connection: &mut Connection, differences: &BTreeMap<Key, Difference>) -> Result<()> {
    let (tenants, ids) = split(differences.keys());
    let conversations: Vec<i64> = differences.values().map(|difference| difference.conversations).collect();
    let messages: Vec<i64> = differences.values().map(|difference| difference.messages).collect();
    sqlx::query!(
        "INSERT INTO contact_totals (tenant_id, contact_id, conversation_count, message_count, last_activity_at)
         SELECT d.tenant_id, d.contact_id, d.conversations, d.messages,
                (SELECT c.last_activity_at FROM conversation c
                 WHERE c.tenant_id = d.tenant_id AND c.contact_id = d.contact_id
                 ORDER BY c.last_activity_at DESC LIMIT 1)
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
              AS d (tenant_id, contact_id, conversations, messages)
         ON CONFLICT (tenant_id, contact_id) DO UPDATE SET
             conversation_count = contact_totals.conversation_count + excluded.conversation_count,
             message_count = contact_totals.message_count + excluded.message_count,
             last_activity_at = excluded.last_activity_at",
        &tenants,
        &ids,
        &conversations,
        &messages,
    )
    .execute(connection)
    .await?;
    Ok(())
}
