use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{DeliveryState, checked};

/// One reply on its way out, or what became of it.
#[derive(Debug, Clone)]
pub struct Outbound {
    pub tenant_id: Uuid,
    pub message_id: Uuid,
    pub channel_id: Uuid,
    pub conversation_id: Uuid,
    pub position: i64,
    pub state: DeliveryState,
    pub withdrawable: bool,
    pub blocks: bool,
    pub due_at: DateTime<Utc>,
    pub attempts: i32,
    pub lease: Option<Uuid>,
    pub lease_until: Option<DateTime<Utc>>,
    pub provider_id: Option<String>,
    pub failure: String,
    /// When the send that counts began.
    pub begun_at: Option<DateTime<Utc>>,
    /// What receipts up to a later point say: `Delivered` or `Read`.
    pub implied: Option<DeliveryState>,
    pub version: i64,
}

struct Record {
    tenant_id: Uuid,
    message_id: Uuid,
    channel_id: Uuid,
    conversation_id: Uuid,
    position: i64,
    state: i16,
    withdrawable: bool,
    blocks: bool,
    due_at: DateTime<Utc>,
    attempts: i32,
    lease: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    provider_id: Option<String>,
    failure: String,
    begun_at: Option<DateTime<Utc>>,
    implied: i16,
    version: i64,
}

impl From<Record> for Outbound {
    fn from(row: Record) -> Self {
        Self {
            tenant_id: row.tenant_id,
            message_id: row.message_id,
            channel_id: row.channel_id,
            conversation_id: row.conversation_id,
            position: row.position,
            state: checked(DeliveryState::from_number(row.state)),
            withdrawable: row.withdrawable,
            blocks: row.blocks,
            due_at: row.due_at,
            attempts: row.attempts,
            lease: row.lease,
            lease_until: row.lease_until,
            provider_id: row.provider_id,
            failure: row.failure,
            begun_at: row.begun_at,
            implied: DeliveryState::from_number(row.implied),
            version: row.version,
        }
    }
}

/// Queues replies.
pub async fn insert(connection: &mut Connection, queued: &[Outbound]) -> Result<()> {
    if queued.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = queued.iter().map(|item| item.tenant_id).collect();
    let messages: Vec<Uuid> = queued.iter().map(|item| item.message_id).collect();
    let channels: Vec<Uuid> = queued.iter().map(|item| item.channel_id).collect();
    let conversations: Vec<Uuid> = queued.iter().map(|item| item.conversation_id).collect();
    let positions: Vec<i64> = queued.iter().map(|item| item.position).collect();
    let states: Vec<i16> = queued.iter().map(|item| item.state.number()).collect();
    let withdrawable: Vec<bool> = queued.iter().map(|item| item.withdrawable).collect();
    let due: Vec<DateTime<Utc>> = queued.iter().map(|item| item.due_at).collect();
    sqlx::query!(
        "INSERT INTO outbound (tenant_id, message_id, channel_id, conversation_id, position, state, withdrawable, due_at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::smallint[],
             $7::boolean[], $8::timestamptz[])",
        &tenants,
        &messages,
        &channels,
        &conversations,
        &positions,
        &states,
        &withdrawable,
        &due,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes back the AI's queued and leased replies of locked conversations. Answers their messages.
pub async fn withdraw(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>> {
    if conversation_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "UPDATE outbound SET state = 9, blocks = false, lease = NULL, lease_until = NULL, version = version + 1
         WHERE tenant_id = $1 AND conversation_id = ANY($2) AND blocks AND state IN (1, 2) AND withdrawable
         RETURNING message_id, version",
        tenant_id,
        conversation_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.message_id, row.version)).collect())
}

/// Whether a channel has a reply that could be due: what a waiting adapter asks before it tries to lease.
pub async fn any_due(
    connection: &mut Connection,
    tenant_id: Uuid,
    channel_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let due = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM outbound
               WHERE tenant_id = $1 AND channel_id = $2 AND state IN (1, 2) AND due_at <= $3
                 AND (state = 1 OR lease_until <= $3)) AS "due!""#,
        tenant_id,
        channel_id,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(due)
}

/// Leases the replies of a channel that may go out now: due, the first of their conversation, leased by nobody who still
/// lives. Rows that another replica is leasing are passed over.
pub async fn lease(
    connection: &mut Connection,
    tenant_id: Uuid,
    channel_id: Uuid,
    lease: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Outbound>> {
    let rows = sqlx::query_as!(
        Record,
        "WITH free AS (
             SELECT o.tenant_id, o.message_id FROM outbound o
             WHERE o.tenant_id = $1 AND o.channel_id = $2 AND o.state IN (1, 2) AND o.due_at <= $4
               AND (o.state = 1 OR o.lease_until <= $4)
               AND NOT EXISTS (SELECT 1 FROM outbound p
                               WHERE p.tenant_id = o.tenant_id AND p.conversation_id = o.conversation_id
                                 AND p.blocks AND p.position < o.position)
             ORDER BY o.due_at, o.message_id LIMIT $6 FOR UPDATE SKIP LOCKED)
         UPDATE outbound o SET state = 2, lease = $3, lease_until = $5, version = version + 1
         FROM free WHERE o.tenant_id = free.tenant_id AND o.message_id = free.message_id
         RETURNING o.tenant_id, o.message_id, o.channel_id, o.conversation_id, o.position, o.state, o.withdrawable,
                   o.blocks, o.due_at, o.attempts, o.lease, o.lease_until, o.provider_id, o.failure, o.begun_at,
                   o.implied, o.version",
        tenant_id,
        channel_id,
        lease,
        now,
        until,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Outbound::from).collect())
}

/// Locks replies by message id, in the order of their ids.
pub async fn lock(
    connection: &mut Connection,
    tenant_id: Uuid,
    message_ids: &[Uuid],
) -> Result<Vec<Outbound>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT tenant_id, message_id, channel_id, conversation_id, position, state, withdrawable, blocks, due_at,
                attempts, lease, lease_until, provider_id, failure, begun_at, implied, version
         FROM outbound WHERE tenant_id = $1 AND message_id = ANY($2) ORDER BY message_id FOR UPDATE",
        tenant_id,
        message_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Outbound::from).collect())
}

/// The messages that a provider's ids name on channels.
pub async fn of_provider_ids(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[(Uuid, String)],
) -> Result<Vec<((Uuid, String), Uuid)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (channels, providers): (Vec<Uuid>, Vec<String>) = ids.iter().cloned().unzip();
    let rows = sqlx::query!(
        r#"SELECT o.channel_id, o.provider_id AS "provider_id!", o.message_id
           FROM unnest($2::uuid[], $3::text[]) AS wanted (channel_id, provider_id)
           JOIN outbound o ON o.tenant_id = $1 AND o.channel_id = wanted.channel_id
                AND o.provider_id = wanted.provider_id"#,
        tenant_id,
        &channels,
        &providers,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.channel_id, row.provider_id), row.message_id)).collect())
}

/// Saves locked replies.
pub async fn save(connection: &mut Connection, items: &[&Outbound]) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = items.iter().map(|item| item.tenant_id).collect();
    let messages: Vec<Uuid> = items.iter().map(|item| item.message_id).collect();
    let states: Vec<i16> = items.iter().map(|item| item.state.number()).collect();
    let blocks: Vec<bool> = items.iter().map(|item| item.blocks).collect();
    let due: Vec<DateTime<Utc>> = items.iter().map(|item| item.due_at).collect();
    let attempts: Vec<i32> = items.iter().map(|item| item.attempts).collect();
    let leases: Vec<Option<Uuid>> = items.iter().map(|item| item.lease).collect();
    let until: Vec<Option<DateTime<Utc>>> = items.iter().map(|item| item.lease_until).collect();
    let providers: Vec<Option<String>> = items.iter().map(|item| item.provider_id.clone()).collect();
    let failures: Vec<String> = items.iter().map(|item| item.failure.clone()).collect();
    let versions: Vec<i64> = items.iter().map(|item| item.version).collect();
    let begun: Vec<Option<DateTime<Utc>>> = items.iter().map(|item| item.begun_at).collect();
    let implied: Vec<i16> = items.iter().map(|item| item.implied.map_or(0, DeliveryState::number)).collect();
    let saved = sqlx::query!(
        "UPDATE outbound AS o SET state = n.state, blocks = n.blocks, due_at = n.due_at, attempts = n.attempts,
             lease = n.lease, lease_until = n.lease_until, provider_id = n.provider_id, failure = n.failure,
             version = n.version, begun_at = n.begun_at, implied = n.implied
         FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::boolean[], $5::timestamptz[], $6::integer[],
             $7::uuid[], $8::timestamptz[], $9::text[], $10::text[], $11::bigint[], $12::timestamptz[], $13::smallint[])
             AS n (tenant_id, message_id, state, blocks, due_at, attempts, lease, lease_until, provider_id, failure,
                   version, begun_at, implied)
         WHERE o.tenant_id = n.tenant_id AND o.message_id = n.message_id",
        &tenants,
        &messages,
        &states,
        &blocks,
        &due,
        &attempts,
        &leases as &[Option<Uuid>],
        &until as &[Option<DateTime<Utc>>],
        &providers as &[Option<String>],
        &failures,
        &versions,
        &begun as &[Option<DateTime<Utc>>],
        &implied,
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(saved, items.len())
}

/// A reply as it is, unlocked.
pub async fn find(
    connection: &mut Connection,
    tenant_id: Uuid,
    message_id: Uuid,
) -> Result<Option<Outbound>> {
    let row = sqlx::query_as!(
        Record,
        "SELECT tenant_id, message_id, channel_id, conversation_id, position, state, withdrawable, blocks, due_at,
                attempts, lease, lease_until, provider_id, failure, begun_at, implied, version
         FROM outbound WHERE tenant_id = $1 AND message_id = $2",
        tenant_id,
        message_id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Outbound::from))
}

/// What waits for a channel's adapter.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// Counted up to one more than asked for.
    pub length: i64,
    /// When the oldest that was counted was written.
    pub oldest: Option<DateTime<Utc>>,
}

/// Counts the replies of a channel that have not begun to leave, at most `most` and one more.
pub async fn queue(
    connection: &mut Connection,
    tenant_id: Uuid,
    channel_id: Uuid,
    most: i64,
) -> Result<Queue> {
    let row = sqlx::query!(
        r#"WITH waiting AS (
               SELECT message_id FROM outbound WHERE tenant_id = $1 AND channel_id = $2 AND state IN (1, 2)
               ORDER BY due_at, message_id LIMIT $3)
           SELECT count(*) AS "length!",
                  -- Ids are in the order of their times.
                  (SELECT m.stored_at FROM message m WHERE m.tenant_id = $1
                   AND m.id = (SELECT message_id FROM waiting ORDER BY message_id LIMIT 1)) AS oldest
           FROM waiting"#,
        tenant_id,
        channel_id,
        most + 1,
    )
    .fetch_one(connection)
    .await?;
    Ok(Queue { length: row.length, oldest: row.oldest })
}

/// Sends that ended without a word, and unknown ones whose wait is over; locked, oldest first.
pub async fn lapsed(connection: &mut Connection, now: DateTime<Utc>, limit: i64) -> Result<Vec<Outbound>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT tenant_id, message_id, channel_id, conversation_id, position, state, withdrawable, blocks, due_at,
                attempts, lease, lease_until, provider_id, failure, begun_at, implied, version
         FROM outbound WHERE (state = 3 OR (state = 8 AND blocks)) AND lease_until <= $1
         ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Outbound::from).collect())
}
