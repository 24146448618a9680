use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::columns::Columns;
use crate::domain::kinds::{ActorKind, Attention, HandOffReason, HolderKind, Priority, Status, checked};
use crate::domain::model::{Conversation, Holder};

pub(super) struct Record {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub channel_id: Uuid,
    pub contact_id: Uuid,
    pub status: i16,
    pub holder_kind: i16,
    pub holder_id: Option<Uuid>,
    pub epoch: i64,
    pub holder_since: DateTime<Utc>,
    pub last_position: i64,
    pub last_customer_position: i64,
    pub answered_position: i64,
    pub activity_number: i64,
    pub last_customer_at: Option<DateTime<Utc>>,
    pub last_reply_source_at: Option<DateTime<Utc>>,
    pub priority: i16,
    pub label_ids: Vec<Uuid>,
    pub needs_attention: i16,
    pub hand_off_reason: i16,
    pub hand_off_summary: String,
    pub answered_by: i16,
    pub waiting_since: Option<DateTime<Utc>>,
    pub last_activity_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub snoozed_until: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
    pub answer_due_at: Option<DateTime<Utc>>,
    pub update_since: Option<DateTime<Utc>>,
    pub predecessor_id: Option<Uuid>,
    pub successor_id: Option<Uuid>,
    pub reopen_count: i32,
    pub preview: String,
    pub preview_author: i16,
    pub erased_at: Option<DateTime<Utc>>,
    pub version: i64,
}

impl From<Record> for Conversation {
    fn from(row: Record) -> Self {
        Self {
            id: row.id,
            channel_id: row.channel_id,
            contact_id: row.contact_id,
            status: checked(Status::from_number(row.status)),
            holder: Holder { kind: checked(HolderKind::from_number(row.holder_kind)), id: row.holder_id },
            epoch: row.epoch,
            holder_since: row.holder_since,
            last_position: row.last_position,
            last_customer_position: row.last_customer_position,
            answered_position: row.answered_position,
            activity_number: row.activity_number,
            last_customer_at: row.last_customer_at,
            last_reply_source_at: row.last_reply_source_at,
            priority: checked(Priority::from_number(row.priority)),
            label_ids: row.label_ids,
            needs_attention: Attention::from_number(row.needs_attention),
            hand_off_reason: HandOffReason::from_number(row.hand_off_reason),
            hand_off_summary: row.hand_off_summary,
            answered_by: ActorKind::from_number(row.answered_by),
            waiting_since: row.waiting_since,
            last_activity_at: row.last_activity_at,
            created_at: row.created_at,
            closed_at: row.closed_at,
            snoozed_until: row.snoozed_until,
            due_at: row.due_at,
            answer_due_at: row.answer_due_at,
            update_since: row.update_since,
            predecessor_id: row.predecessor_id,
            successor_id: row.successor_id,
            reopen_count: row.reopen_count,
            preview: row.preview,
            preview_author: ActorKind::from_number(row.preview_author),
            erased_at: row.erased_at,
            version: row.version,
        }
    }
}

/// Locks conversations in the order of their ids, the order of every writer, and reads them as they are under the lock.
pub async fn lock(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Conversation>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT tenant_id, id, channel_id, contact_id, status, holder_kind, holder_id, epoch, holder_since, last_position,
                last_customer_position, answered_position, activity_number, last_customer_at, last_reply_source_at,
                priority, label_ids, needs_attention, hand_off_reason, hand_off_summary, answered_by, waiting_since,
                last_activity_at, created_at, closed_at, snoozed_until, due_at, answer_due_at, update_since,
                predecessor_id, successor_id, reopen_count, preview, preview_author, erased_at,
                version
         FROM conversation WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        tenant_id,
        ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut locked: Vec<Conversation> = rows.into_iter().map(Conversation::from).collect();
    super::label::resolve(connection, locked.iter_mut().map(|c| (tenant_id, &mut c.label_ids))).await?;
    Ok(locked)
}

/// Locks one conversation.
pub async fn lock_one(
    connection: &mut Connection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<Conversation>> {
    Ok(lock(connection, tenant_id, &[id]).await?.pop())
}

/// Reads conversations of any tenants by (tenant, id), for the feed.
pub async fn read(connection: &mut Connection, ids: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Conversation)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
    let rows = sqlx::query_as!(
        Record,
        "SELECT c.tenant_id, c.id, channel_id, contact_id, status, holder_kind, holder_id, epoch, holder_since,
                last_position, last_customer_position, answered_position, activity_number, last_customer_at,
                last_reply_source_at, priority, label_ids, needs_attention, hand_off_reason, hand_off_summary,
                answered_by, waiting_since, last_activity_at, created_at, closed_at, snoozed_until, due_at,
                answer_due_at, update_since, predecessor_id, successor_id, reopen_count, preview, preview_author, erased_at,
                version
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
         JOIN conversation c ON c.tenant_id = wanted.tenant_id AND c.id = wanted.id",
        &tenants,
        &ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut found: Vec<(Uuid, Conversation)> =
        rows.into_iter().map(|row| (row.tenant_id, row.into())).collect();
    super::label::resolve(connection, found.iter_mut().map(|(tenant, c)| (*tenant, &mut c.label_ids)))
        .await?;
    Ok(found)
}

/// A page of (tenant, id) pairs after one, for a snapshot.
pub async fn page_ids(
    connection: &mut Connection,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM conversation WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// For each contact its live conversation, else its latest: the one without a successor, whatever the clocks said.
pub async fn current_of_contacts(
    connection: &mut Connection,
    tenant_id: Uuid,
    contact_ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"SELECT wanted.contact_id AS "contact_id!", found.id AS "id!"
         FROM unnest($2::uuid[]) AS wanted (contact_id)
         CROSS JOIN LATERAL (
             SELECT id FROM conversation c WHERE c.tenant_id = $1 AND c.contact_id = wanted.contact_id
             ORDER BY (status <> 4) DESC, (successor_id IS NULL) DESC, id DESC LIMIT 1) AS found"#,
        tenant_id,
        contact_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.contact_id, row.id)).collect())
}

/// Takes numbers of customer activity. The transaction must have written before: `store::reading::raise_floor` knows it by
/// its transaction id.
pub async fn activity_numbers(connection: &mut Connection, count: usize) -> Result<Vec<i64>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let numbers = sqlx::query_scalar!(
        r#"SELECT nextval('customer_activity') AS "number!" FROM generate_series(1, $1::bigint)"#,
        count
    )
    .fetch_all(connection)
    .await?;
    Ok(numbers)
}

/// Inserts new conversations. A second live one of a contact is refused by `conversation_one_live`.
pub async fn insert(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversations: &[&Conversation],
) -> Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let new = Columns::of(conversations.iter().copied());
    let inserted = sqlx::query!(
        "INSERT INTO conversation (tenant_id, id, channel_id, contact_id, status, holder_kind, holder_id, epoch,
             holder_since, last_position, last_customer_position, answered_position, activity_number, last_customer_at,
             last_reply_source_at, priority, needs_attention, hand_off_reason, hand_off_summary, answered_by,
             waiting_since, last_activity_at, created_at, closed_at, predecessor_id, successor_id, reopen_count, preview,
             preview_author, version, snoozed_until, due_at, answer_due_at, update_since, contact_since)
         SELECT $1, n.*, k.created_at FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::smallint[], $7::uuid[],
             $8::bigint[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
             $14::timestamptz[], $15::timestamptz[], $16::smallint[], $17::smallint[], $18::smallint[], $19::text[],
             $20::smallint[], $21::timestamptz[], $22::timestamptz[], $23::timestamptz[], $24::timestamptz[],
             $25::uuid[], $26::uuid[], $27::integer[], $28::text[], $29::smallint[], $30::bigint[], $31::timestamptz[],
             $32::timestamptz[], $33::timestamptz[], $34::timestamptz[])
             AS n (id, channel_id, contact_id)
         JOIN contact k ON k.tenant_id = $1 AND k.id = n.contact_id",
        tenant_id,
        &new.id,
        &new.channel_id,
        &new.contact_id,
        &new.status,
        &new.holder_kind,
        &new.holder_id as &[Option<Uuid>],
        &new.epoch,
        &new.holder_since,
        &new.last_position,
        &new.last_customer_position,
        &new.answered_position,
        &new.activity_number,
        &new.last_customer_at as &[Option<DateTime<Utc>>],
        &new.last_reply_source_at as &[Option<DateTime<Utc>>],
        &new.priority,
        &new.needs_attention,
        &new.hand_off_reason,
        &new.hand_off_summary,
        &new.answered_by,
        &new.waiting_since as &[Option<DateTime<Utc>>],
        &new.last_activity_at,
        &new.created_at,
        &new.closed_at as &[Option<DateTime<Utc>>],
        &new.predecessor_id as &[Option<Uuid>],
        &new.successor_id as &[Option<Uuid>],
        &new.reopen_count,
        &new.preview,
        &new.preview_author,
        &new.version,
        &new.snoozed_until as &[Option<DateTime<Utc>>],
        &new.due_at as &[Option<DateTime<Utc>>],
        &new.answer_due_at as &[Option<DateTime<Utc>>],
        &new.update_since as &[Option<DateTime<Utc>>],
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(inserted, conversations.len())
}

/// Saves locked conversations: everything but what never changes and the labels.
pub async fn save(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversations: &[&Conversation],
) -> Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let new = Columns::of(conversations.iter().copied());
    let saved = sqlx::query!(
        "UPDATE conversation AS c SET status = n.status, holder_kind = n.holder_kind, holder_id = n.holder_id,
             epoch = n.epoch, holder_since = n.holder_since, last_position = n.last_position,
             last_customer_position = n.last_customer_position, answered_position = n.answered_position,
             activity_number = n.activity_number, last_customer_at = n.last_customer_at,
             last_reply_source_at = n.last_reply_source_at, priority = n.priority,
             needs_attention = n.needs_attention, hand_off_reason = n.hand_off_reason,
             hand_off_summary = n.hand_off_summary, answered_by = n.answered_by, waiting_since = n.waiting_since,
             last_activity_at = n.last_activity_at, closed_at = n.closed_at, successor_id = n.successor_id,
             reopen_count = n.reopen_count, preview = n.preview, preview_author = n.preview_author,
             version = n.version, snoozed_until = n.snoozed_until, due_at = n.due_at,
             answer_due_at = n.answer_due_at, update_since = n.update_since
         FROM unnest($2::uuid[], $3::smallint[], $4::smallint[], $5::uuid[], $6::bigint[], $7::timestamptz[],
             $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::timestamptz[],
             $14::smallint[], $15::smallint[], $16::smallint[], $17::text[], $18::smallint[], $19::timestamptz[],
             $20::timestamptz[], $21::timestamptz[], $22::uuid[], $23::integer[], $24::text[], $25::smallint[],
             $26::bigint[], $27::timestamptz[], $28::timestamptz[], $29::timestamptz[], $30::timestamptz[])
             AS n (id, status, holder_kind, holder_id, epoch, holder_since, last_position, last_customer_position,
                   answered_position, activity_number, last_customer_at, last_reply_source_at, priority,
                   needs_attention, hand_off_reason, hand_off_summary, answered_by, waiting_since, last_activity_at,
                   closed_at, successor_id, reopen_count, preview, preview_author, version, snoozed_until, due_at,
                   answer_due_at, update_since)
         WHERE c.tenant_id = $1 AND c.id = n.id",
        tenant_id,
        &new.id,
        &new.status,
        &new.holder_kind,
        &new.holder_id as &[Option<Uuid>],
        &new.epoch,
        &new.holder_since,
        &new.last_position,
        &new.last_customer_position,
        &new.answered_position,
        &new.activity_number,
        &new.last_customer_at as &[Option<DateTime<Utc>>],
        &new.last_reply_source_at as &[Option<DateTime<Utc>>],
        &new.priority,
        &new.needs_attention,
        &new.hand_off_reason,
        &new.hand_off_summary,
        &new.answered_by,
        &new.waiting_since as &[Option<DateTime<Utc>>],
        &new.last_activity_at,
        &new.closed_at as &[Option<DateTime<Utc>>],
        &new.successor_id as &[Option<Uuid>],
        &new.reopen_count,
        &new.preview,
        &new.preview_author,
        &new.version,
        &new.snoozed_until as &[Option<DateTime<Utc>>],
        &new.due_at as &[Option<DateTime<Utc>>],
        &new.answer_due_at as &[Option<DateTime<Utc>>],
        &new.update_since as &[Option<DateTime<Utc>>],
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(saved, conversations.len())
}

/// Sets the labels of locked conversations.
pub async fn save_labels(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversations: &[&Conversation],
) -> Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = conversations.iter().map(|conversation| conversation.id).collect();
    // Arrays of arrays must be even in SQL: labels travel as text and are cut apart again.
    let labels: Vec<String> = conversations
        .iter()
        .map(|conversation| conversation.label_ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","))
        .collect();
    let saved = sqlx::query!(
        "UPDATE conversation c SET label_ids = string_to_array(n.labels, ',')::uuid[]
         FROM unnest($2::uuid[], $3::text[]) AS n (id, labels) WHERE c.tenant_id = $1 AND c.id = n.id",
        tenant_id,
        &ids,
        &labels,
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(saved, conversations.len())
}
