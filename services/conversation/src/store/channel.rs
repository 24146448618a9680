use chrono::{DateTime, TimeDelta, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{ChannelKind, ChannelState, ReopenPolicy, checked};
use crate::domain::model::Channel;

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    kind: i16,
    display_name: String,
    state: i16,
    max_text_length: i32,
    reply_window_s: Option<i64>,
    templates: bool,
    receipts: bool,
    edits: bool,
    ai_enabled: bool,
    ai_answer_s: Option<i64>,
    reopen: i16,
    reopen_window_s: i64,
    close_after_silence_s: Option<i64>,
    close_message: String,
    default_team_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    last_seen_at: Option<DateTime<Utc>>,
    version: i64,
}

impl From<Record> for Channel {
    fn from(row: Record) -> Self {
        Self {
            id: row.id,
            kind: checked(ChannelKind::from_number(row.kind)),
            display_name: row.display_name,
            state: checked(ChannelState::from_number(row.state)),
            max_text_length: row.max_text_length,
            reply_window: row.reply_window_s.map(TimeDelta::seconds),
            templates: row.templates,
            receipts: row.receipts,
            edits: row.edits,
            ai_enabled: row.ai_enabled,
            ai_answer_time: row.ai_answer_s.map(TimeDelta::seconds),
            reopen: checked(ReopenPolicy::from_number(row.reopen)),
            reopen_window: TimeDelta::seconds(row.reopen_window_s),
            close_after_silence: row.close_after_silence_s.map(TimeDelta::seconds),
            close_message: row.close_message,
            default_team_id: row.default_team_id,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            version: row.version,
        }
    }
}

pub async fn insert(connection: &mut Connection, tenant_id: Uuid, channel: &Channel) -> Result<()> {
    sqlx::query!(
        "INSERT INTO channel (tenant_id, id, kind, display_name, state, max_text_length, reply_window_s, templates,
             receipts, edits, ai_enabled, ai_answer_s, reopen, reopen_window_s, close_after_silence_s, default_team_id,
             created_at, close_message)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        tenant_id,
        channel.id,
        channel.kind.number(),
        channel.display_name,
        channel.state.number(),
        channel.max_text_length,
        channel.reply_window.map(|window| window.num_seconds()),
        channel.templates,
        channel.receipts,
        channel.edits,
        channel.ai_enabled,
        channel.ai_answer_time.map(|time| time.num_seconds()),
        channel.reopen.number(),
        channel.reopen_window.num_seconds(),
        channel.close_after_silence.map(|silence| silence.num_seconds()),
        channel.default_team_id,
        channel.created_at,
        channel.close_message,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Saves a locked channel.
pub async fn save(connection: &mut Connection, tenant_id: Uuid, channel: &Channel) -> Result<()> {
    let saved = sqlx::query!(
        "UPDATE channel SET display_name = $3, state = $4, max_text_length = $5, reply_window_s = $6, templates = $7,
             receipts = $8, edits = $9, ai_enabled = $10, ai_answer_s = $11, reopen = $12, reopen_window_s = $13,
             close_after_silence_s = $14, default_team_id = $15, version = $16,
             close_message = $17
         WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        channel.id,
        channel.display_name,
        channel.state.number(),
        channel.max_text_length,
        channel.reply_window.map(|window| window.num_seconds()),
        channel.templates,
        channel.receipts,
        channel.edits,
        channel.ai_enabled,
        channel.ai_answer_time.map(|time| time.num_seconds()),
        channel.reopen.number(),
        channel.reopen_window.num_seconds(),
        channel.close_after_silence.map(|silence| silence.num_seconds()),
        channel.default_team_id,
        channel.version,
        channel.close_message,
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(saved, 1)
}

/// Channels of one tenant by id.
pub async fn find(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Channel>> {
    let tenants = vec![tenant_id; ids.len()];
    Ok(read(connection, &tenants, ids).await?.into_iter().map(|(_, channel)| channel).collect())
}

pub async fn find_one(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Channel>> {
    Ok(find(connection, tenant_id, &[id]).await?.pop())
}

/// Locks one channel, so that its changes follow one another.
pub async fn lock(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Channel>> {
    sqlx::query!("SELECT FROM channel WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", tenant_id, id)
        .fetch_optional(&mut *connection)
        .await?;
    find_one(connection, tenant_id, id).await
}

/// Channels of any tenants by (tenant, id).
pub async fn read(
    connection: &mut Connection,
    tenants: &[Uuid],
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Channel)>> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT c.tenant_id, c.id, kind, display_name, state, max_text_length, reply_window_s, templates, receipts, edits,
                ai_enabled, ai_answer_s, reopen, reopen_window_s, close_after_silence_s, close_message, default_team_id,
                created_at, last_seen_at, version
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
         JOIN channel c ON c.tenant_id = wanted.tenant_id AND c.id = wanted.id",
        tenants,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.into())).collect())
}

/// A page of (tenant, id) pairs after one.
pub async fn page_ids(
    connection: &mut Connection,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM channel WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Notes the minute in which an adapter was here.
pub async fn seen(
    connection: &mut Connection,
    tenant_id: Uuid,
    id: Uuid,
    minute: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE channel SET last_seen_at = $3
         WHERE tenant_id = $1 AND id = $2 AND (last_seen_at IS NULL OR last_seen_at < $3)",
        tenant_id,
        id,
        minute,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A conversation that lives on a channel, if there is one.
pub async fn live_conversation(
    connection: &mut Connection,
    tenant_id: Uuid,
    channel_id: Uuid,
) -> Result<Option<Uuid>> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM conversation
         WHERE tenant_id = $1 AND channel_id = $2 AND live_marker AND live_marker IS NOT NULL LIMIT 1",
        tenant_id,
        channel_id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}
