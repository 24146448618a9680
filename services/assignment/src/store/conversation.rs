use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{HandOffReason, HolderKind, Priority, Status, checked};
use crate::domain::model::{Conversation, Holder};

/// Keeps the newer of two states.
pub async fn upsert(
    connection: &mut Connection,
    generation: i64,
    conversations: &[Conversation],
) -> Result<()> {
    let tenants: Vec<Uuid> = conversations.iter().map(|conversation| conversation.tenant_id).collect();
    let ids: Vec<Uuid> = conversations.iter().map(|conversation| conversation.id).collect();
    let channels: Vec<Uuid> = conversations.iter().map(|conversation| conversation.channel_id).collect();
    let contacts: Vec<Uuid> = conversations.iter().map(|conversation| conversation.contact_id).collect();
    let states: Vec<i16> = conversations.iter().map(|conversation| conversation.status.number()).collect();
    let kinds: Vec<i16> =
        conversations.iter().map(|conversation| conversation.holder.kind.number()).collect();
    let holders: Vec<Option<Uuid>> =
        conversations.iter().map(|conversation| conversation.holder.id).collect();
    let epochs: Vec<i64> = conversations.iter().map(|conversation| conversation.epoch).collect();
    let due: Vec<Option<DateTime<Utc>>> =
        conversations.iter().map(|conversation| conversation.due_at).collect();
    let soon: Vec<Option<DateTime<Utc>>> =
        conversations.iter().map(|conversation| conversation.soon_at).collect();
    let priorities: Vec<i16> =
        conversations.iter().map(|conversation| conversation.priority.number()).collect();
    let waiting: Vec<Option<DateTime<Utc>>> =
        conversations.iter().map(|conversation| conversation.waiting_since).collect();
    let since: Vec<Option<DateTime<Utc>>> =
        conversations.iter().map(|conversation| conversation.holder_since).collect();
    let reasons: Vec<i16> = conversations
        .iter()
        .map(|conversation| conversation.hand_off_reason.map_or(0, HandOffReason::number))
        .collect();
    let versions: Vec<i64> = conversations.iter().map(|conversation| conversation.version).collect();
    sqlx::query!(
        "INSERT INTO conversation AS old (tenant_id, id, channel_id, contact_id, status, holder_kind, holder_id, epoch,
             due_at, soon_at, priority, waiting_since, holder_since, hand_off_reason, version, generation)
         SELECT *, $16 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::smallint[],
             $7::uuid[], $8::bigint[], $9::timestamptz[], $10::timestamptz[],
             $11::smallint[], $12::timestamptz[], $13::timestamptz[], $14::smallint[], $15::bigint[])
         ON CONFLICT (tenant_id, id) DO UPDATE
         SET channel_id = EXCLUDED.channel_id, contact_id = EXCLUDED.contact_id, status = EXCLUDED.status,
             holder_kind = EXCLUDED.holder_kind, holder_id = EXCLUDED.holder_id, epoch = EXCLUDED.epoch,
             due_at = EXCLUDED.due_at, soon_at = EXCLUDED.soon_at, priority = EXCLUDED.priority,
             waiting_since = EXCLUDED.waiting_since, holder_since = EXCLUDED.holder_since,
             hand_off_reason = EXCLUDED.hand_off_reason, version = EXCLUDED.version, generation = EXCLUDED.generation
         WHERE (old.generation, old.version) < (EXCLUDED.generation, EXCLUDED.version)",
        &tenants,
        &ids,
        &channels,
        &contacts,
        &states,
        &kinds,
        &holders as &[Option<Uuid>],
        &epochs,
        &due as &[Option<DateTime<Utc>>],
        &soon as &[Option<DateTime<Utc>>],
        &priorities,
        &waiting as &[Option<DateTime<Utc>>],
        &since as &[Option<DateTime<Utc>>],
        &reasons,
        &versions,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets conversations that no longer exist.
pub async fn remove(connection: &mut Connection, gone: &[(Uuid, Uuid)]) -> Result<()> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = gone.iter().copied().unzip();
    sqlx::query!(
        "DELETE FROM conversation c USING unnest($1::uuid[], $2::uuid[]) AS gone (tenant_id, id)
         WHERE c.tenant_id = gone.tenant_id AND c.id = gone.id",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn find(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Conversation>> {
    let row = sqlx::query!(
        "SELECT channel_id, contact_id, status, holder_kind, holder_id, epoch, due_at, soon_at, priority,
                waiting_since, holder_since, hand_off_reason, version
         FROM conversation WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Conversation {
        tenant_id,
        id,
        channel_id: row.channel_id,
        contact_id: row.contact_id,
        status: checked(Status::from_number(row.status.into())),
        holder: Holder { kind: checked(HolderKind::from_number(row.holder_kind.into())), id: row.holder_id },
        epoch: row.epoch,
        due_at: row.due_at,
        soon_at: row.soon_at,
        priority: checked(Priority::from_number(row.priority.into())),
        waiting_since: row.waiting_since,
        holder_since: row.holder_since,
        hand_off_reason: HandOffReason::from_number(row.hand_off_reason.into()),
        version: row.version,
    }))
}

/// Removes what a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM conversation WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}
