//! Erasure, set-wise: what names a person, and what was said.

use chrono::{DateTime, Utc};
use tandem_change_feed::{ChangeKind, Row};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::contact::{Address, arrays};
use crate::domain::kinds::{IdentityKind, checked};

/// The hash of an address.
pub type Grave = [u8; 16];

/// Contacts with those that they stand for, and those that stand for them.
pub async fn together(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"WITH roots AS (SELECT coalesce(canonical_id, id) AS id FROM contact WHERE tenant_id = $1 AND id = ANY ($2))
           SELECT id AS "id!" FROM roots
           UNION SELECT c.id FROM roots JOIN contact c ON c.tenant_id = $1 AND c.canonical_id = roots.id"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Takes the addresses of locked contacts away, those that they had before included. Answers all of them.
pub async fn take_addresses(
    connection: &mut Connection,
    tenant_id: Uuid,
    contact_ids: &[Uuid],
) -> Result<Vec<Address>> {
    let rows = sqlx::query!(
        "DELETE FROM contact_identity i USING contact c
         WHERE i.tenant_id = $1 AND c.tenant_id = $1 AND c.id = ANY ($2)
           AND i.channel_id = c.channel_id AND i.contact_id = c.id
         RETURNING i.channel_id, i.kind, i.value",
        tenant_id,
        contact_ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    let address = |channel, kind, value| (channel, checked(IdentityKind::from_number(kind)), value);
    let mut taken: Vec<Address> =
        rows.into_iter().map(|row| address(row.channel_id, row.kind, row.value)).collect();
    let (channels, kinds, values) = arrays(&taken);
    let former = sqlx::query!(
        "WITH RECURSIVE found AS (
             SELECT c.channel_id, c.kind, c.value, 1 AS depth
             FROM unnest($2::uuid[], $3::smallint[], $4::text[]) AS wanted (channel_id, kind, value)
             JOIN identity_change c ON c.tenant_id = $1 AND c.channel_id = wanted.channel_id
                  AND c.kind = wanted.kind AND c.new_value = wanted.value
             UNION
             SELECT c.channel_id, c.kind, c.value, found.depth + 1
             FROM found JOIN identity_change c ON c.tenant_id = $1 AND c.channel_id = found.channel_id
                  AND c.kind = found.kind AND c.new_value = found.value
             WHERE found.depth < 8),
         known AS (
             SELECT channel_id, kind, value FROM found
             UNION SELECT * FROM unnest($2::uuid[], $3::smallint[], $4::text[]))
         DELETE FROM identity_change c USING known k
         WHERE c.tenant_id = $1 AND c.channel_id = k.channel_id AND c.kind = k.kind
           AND (c.value = k.value OR c.new_value = k.value)
         RETURNING c.channel_id, c.kind, c.value",
        tenant_id,
        &channels,
        &kinds,
        &values,
    )
    .fetch_all(&mut *connection)
    .await?;
    taken.extend(former.into_iter().map(|row| address(row.channel_id, row.kind, row.value)));
    sqlx::query!(
        "DELETE FROM claimed_identity WHERE tenant_id = $1 AND contact_id = ANY ($2)",
        tenant_id,
        contact_ids
    )
    .execute(connection)
    .await?;
    Ok(taken)
}

/// Forgets what waits for a target and was sent by these contacts.
pub async fn drop_early(connection: &mut Connection, tenant_id: Uuid, contact_ids: &[Uuid]) -> Result<()> {
    let authors: Vec<String> = contact_ids.iter().map(Uuid::to_string).collect();
    sqlx::query!(
        "DELETE FROM early_event WHERE tenant_id = $1 AND event #>> '{author,id}' = ANY ($2)",
        tenant_id,
        &authors
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the names of locked contacts away. Answers those that had not been erased.
pub async fn empty_contacts(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Row>> {
    let rows = sqlx::query!(
        "UPDATE contact SET display_name = '', erased_at = $3, version = version + 1
         WHERE tenant_id = $1 AND id = ANY ($2) AND erased_at IS NULL RETURNING id, version",
        tenant_id,
        ids,
        now,
    )
    .fetch_all(&mut *connection)
    .await?;
    // What lists show until customer-profile tells of the end.
    sqlx::query!(
        "UPDATE customer c SET name = '' FROM contact k
         WHERE k.tenant_id = $1 AND k.id = ANY ($2) AND c.tenant_id = $1 AND c.id = k.customer_id AND c.name <> ''",
        tenant_id,
        ids,
    )
    .execute(connection)
    .await?;
    let row = |id, version| Row { tenant_id, kind: ChangeKind::Contact, entity_id: id, version };
    Ok(rows.into_iter().map(|found| row(found.id, found.version)).collect())
}

/// Whether a contact was erased.
pub async fn is_erased(connection: &mut Connection, tenant_id: Uuid, contact_id: Uuid) -> Result<bool> {
    let erased = sqlx::query_scalar!(
        r#"SELECT erased_at IS NOT NULL AS "erased!" FROM contact WHERE tenant_id = $1 AND id = $2"#,
        tenant_id,
        contact_id
    )
    .fetch_optional(connection)
    .await?;
    Ok(erased.unwrap_or_default())
}

/// Remembers addresses of the erased; the later erasure counts.
pub async fn bury(
    connection: &mut Connection,
    tenant_id: Uuid,
    graves: &[Grave],
    now: DateTime<Utc>,
) -> Result<()> {
    let mut sorted: Vec<Vec<u8>> = graves.iter().map(|grave| grave.to_vec()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sqlx::query!(
        "INSERT INTO tombstone AS t (tenant_id, key, erased_at) SELECT $1, key, $3 FROM unnest($2::bytea[]) AS n (key)
         ON CONFLICT (tenant_id, key) DO UPDATE SET erased_at = greatest(t.erased_at, excluded.erased_at)",
        tenant_id,
        &sorted,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// When addresses were erased, of those that were.
pub async fn buried(
    connection: &mut Connection,
    tenant_id: Uuid,
    graves: &[Grave],
) -> Result<Vec<(Grave, DateTime<Utc>)>> {
    let keys: Vec<Vec<u8>> = graves.iter().map(|grave| grave.to_vec()).collect();
    let rows = sqlx::query!(
        "SELECT key, erased_at FROM tombstone WHERE tenant_id = $1 AND key = ANY ($2)",
        tenant_id,
        &keys
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.key.try_into().unwrap_or_default(), row.erased_at)).collect())
}

/// Conversations of contacts that have not begun to be erased.
pub async fn untouched(
    connection: &mut Connection,
    tenant_id: Uuid,
    contact_ids: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM conversation WHERE tenant_id = $1 AND contact_id = ANY ($2) AND erased_at IS NULL LIMIT $3",
        tenant_id,
        contact_ids,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Conversations of contacts that are being erased.
pub async fn begun(
    connection: &mut Connection,
    tenant_id: Uuid,
    contact_ids: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM conversation WHERE tenant_id = $1 AND contact_id = ANY ($2) AND erasing LIMIT $3",
        tenant_id,
        contact_ids,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Conversations of anybody that are being erased.
pub async fn all_begun(connection: &mut Connection, limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!("SELECT tenant_id, id FROM conversation WHERE erasing LIMIT $1", limit)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Marks locked conversations, and takes back what waits in their queues. Answers the messages whose delivery changed.
pub async fn begin(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<Row>> {
    sqlx::query!(
        "UPDATE conversation SET erased_at = $3, erasing = true WHERE tenant_id = $1 AND id = ANY ($2)",
        tenant_id,
        ids,
        now
    )
    .execute(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        "UPDATE outbound SET state = 9, blocks = false, lease = NULL, lease_until = NULL, version = version + 1
         WHERE tenant_id = $1 AND conversation_id = ANY ($2) AND blocks AND state IN (1, 2)
         RETURNING message_id, version",
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| message(tenant_id, row.message_id, row.version)).collect())
}

/// Empties messages of locked conversations, with what the outbound queue knows of them; at most `limit`.
pub async fn empty_messages(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_ids: &[Uuid],
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query!(
        "WITH full_ones AS (
             SELECT id FROM message
             WHERE tenant_id = $1 AND conversation_id = ANY ($2)
               AND (content IS NOT NULL OR reactions <> '[]' OR referral IS NOT NULL OR media IS NOT NULL
                    OR external_id <> '' OR reply_to_external_id <> '' OR edited_by <> '' OR deleted_at IS NULL)
             LIMIT $4),
         said AS (
             UPDATE outbound o SET provider_id = NULL, failure = '' FROM full_ones f
             WHERE o.tenant_id = $1 AND o.message_id = f.id AND (o.provider_id IS NOT NULL OR o.failure <> ''))
         UPDATE message m SET content = NULL, reactions = '[]', referral = NULL, media = NULL, external_id = '',
             reply_to_external_id = '', edited_by = '', deleted_at = coalesce(deleted_at, $3), version = version + 1
         FROM full_ones f WHERE m.tenant_id = $1 AND m.id = f.id RETURNING m.id, m.version",
        tenant_id,
        conversation_ids,
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| message(tenant_id, row.id, row.version)).collect())
}

/// Empties what people wrote into the timelines of locked conversations, and ends their erasure.
pub async fn finish(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Row>> {
    sqlx::query!(
        "UPDATE timeline SET event = CASE event ->> 'event'
             WHEN 'status_changed' THEN event - 'note' - 'reason'
             ELSE event - 'note' - 'hand_off_summary' - 'hand_off_language' - 'phrase' END
         WHERE tenant_id = $1 AND conversation_id = ANY ($2)
           AND event ->> 'event' IN ('holder_changed', 'status_changed', 'attention_raised')",
        tenant_id,
        ids,
    )
    .execute(&mut *connection)
    .await?;
    // Once more: an edit that came while messages were emptied showed in the preview.
    let rows = sqlx::query!(
        "UPDATE conversation SET erasing = false, preview = '', preview_author = 0, hand_off_summary = '',
             version = version + 1
         WHERE tenant_id = $1 AND id = ANY ($2) AND erasing RETURNING id, version",
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    let row = |id, version| Row { tenant_id, kind: ChangeKind::Conversation, entity_id: id, version };
    Ok(rows.into_iter().map(|found| row(found.id, found.version)).collect())
}

/// How far the erasure of contacts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub conversations: i64,
    pub messages: i64,
    pub left: i64,
}

pub async fn progress(
    connection: &mut Connection,
    tenant_id: Uuid,
    contact_ids: &[Uuid],
) -> Result<Progress> {
    let progress = sqlx::query_as!(
        Progress,
        r#"SELECT count(*) FILTER (WHERE erased_at IS NOT NULL AND NOT erasing) AS "conversations!",
                  coalesce(sum(last_position) FILTER (WHERE erased_at IS NOT NULL AND NOT erasing), 0)::bigint
                      AS "messages!",
                  count(*) FILTER (WHERE erased_at IS NULL OR erasing) AS "left!"
           FROM conversation WHERE tenant_id = $1 AND contact_id = ANY ($2)"#,
        tenant_id,
        contact_ids,
    )
    .fetch_one(connection)
    .await?;
    Ok(progress)
}

fn message(tenant_id: Uuid, entity_id: Uuid, version: i64) -> Row {
    Row { tenant_id, kind: ChangeKind::Message, entity_id, version }
}
