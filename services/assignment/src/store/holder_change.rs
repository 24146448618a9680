use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{ActorKind, Cause, HandOffReason, HolderKind, checked};
use crate::domain::model::{Actor, Holder, HolderChange};

/// Adds entries of the timeline. Answers the ids of those that were not known before.
pub async fn insert(
    connection: &mut Connection,
    generation: i64,
    changes: &[HolderChange],
) -> Result<HashSet<(Uuid, Uuid)>> {
    let tenants: Vec<Uuid> = changes.iter().map(|change| change.tenant_id).collect();
    let entries: Vec<Uuid> = changes.iter().map(|change| change.entry_id).collect();
    let conversations: Vec<Uuid> = changes.iter().map(|change| change.conversation_id).collect();
    let channels: Vec<Uuid> = changes.iter().map(|change| change.channel_id).collect();
    let contacts: Vec<Uuid> = changes.iter().map(|change| change.contact_id).collect();
    let positions: Vec<i64> = changes.iter().map(|change| change.at_position).collect();
    let times: Vec<DateTime<Utc>> = changes.iter().map(|change| change.at).collect();
    let actor_kinds: Vec<i16> = changes.iter().map(|change| change.actor.kind.number()).collect();
    let actors: Vec<Option<Uuid>> = changes.iter().map(|change| change.actor.id).collect();
    let causes: Vec<i16> = changes.iter().map(|change| change.cause.number()).collect();
    let from_kinds: Vec<i16> =
        changes.iter().map(|change| change.from.map_or(0, |from| from.kind.number())).collect();
    let from: Vec<Option<Uuid>> = changes.iter().map(|change| change.from.and_then(|from| from.id)).collect();
    let to_kinds: Vec<i16> = changes.iter().map(|change| change.to.kind.number()).collect();
    let to: Vec<Option<Uuid>> = changes.iter().map(|change| change.to.id).collect();
    let epochs: Vec<i64> = changes.iter().map(|change| change.epoch).collect();
    let notes: Vec<String> = changes.iter().map(|change| change.note.clone()).collect();
    let reasons: Vec<i16> =
        changes.iter().map(|change| change.hand_off_reason.map_or(0, HandOffReason::number)).collect();
    let summaries: Vec<String> = changes.iter().map(|change| change.hand_off_summary.clone()).collect();
    let skills: Vec<String> = changes.iter().map(|change| change.hand_off_skill.clone()).collect();
    let languages: Vec<String> = changes.iter().map(|change| change.hand_off_language.clone()).collect();
    let requests: Vec<Option<Uuid>> = changes.iter().map(|change| change.request_id).collect();
    let inserted = sqlx::query!(
        "INSERT INTO holder_change (tenant_id, entry_id, conversation_id, channel_id, contact_id, at_position, at,
             actor_kind, actor_id, cause, from_kind, from_id, to_kind, to_id, epoch, note, hand_off_reason,
             hand_off_summary, request_id, hand_off_skill, hand_off_language, generation)
         SELECT *, $22 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[],
             $7::timestamptz[], $8::smallint[], $9::uuid[], $10::smallint[], $11::smallint[], $12::uuid[],
             $13::smallint[], $14::uuid[], $15::bigint[], $16::text[], $17::smallint[], $18::text[], $19::uuid[],
             $20::text[], $21::text[])
         ON CONFLICT DO NOTHING RETURNING tenant_id, entry_id",
        &tenants,
        &entries,
        &conversations,
        &channels,
        &contacts,
        &positions,
        &times,
        &actor_kinds,
        &actors as &[Option<Uuid>],
        &causes,
        &from_kinds,
        &from as &[Option<Uuid>],
        &to_kinds,
        &to as &[Option<Uuid>],
        &epochs,
        &notes,
        &reasons,
        &summaries,
        &requests as &[Option<Uuid>],
        &skills,
        &languages,
        generation,
    )
    .fetch_all(&mut *connection)
    .await?;
    // An entry never changes, but a rebuild must see it again to keep it.
    sqlx::query!(
        "UPDATE holder_change h SET generation = $3
         FROM unnest($1::uuid[], $2::uuid[]) AS seen (tenant_id, entry_id)
         WHERE h.tenant_id = seen.tenant_id AND h.entry_id = seen.entry_id AND h.generation < $3",
        &tenants,
        &entries,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(inserted.into_iter().map(|row| (row.tenant_id, row.entry_id)).collect())
}

/// Who held a conversation, oldest first.
pub async fn list(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_id: Uuid,
    limit: i64,
) -> Result<Vec<HolderChange>> {
    let rows = sqlx::query!(
        "SELECT entry_id, channel_id, contact_id, at_position, at, actor_kind, actor_id, cause, from_kind, from_id, to_kind,
                to_id, epoch, note, hand_off_reason, hand_off_summary, request_id, hand_off_skill, hand_off_language
         FROM holder_change WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY epoch, entry_id LIMIT $3",
        tenant_id,
        conversation_id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let changes = rows.into_iter().map(|row| HolderChange {
        tenant_id,
        entry_id: row.entry_id,
        conversation_id,
        channel_id: row.channel_id,
        contact_id: row.contact_id,
        at_position: row.at_position,
        at: row.at,
        actor: Actor { kind: checked(ActorKind::from_number(row.actor_kind.into())), id: row.actor_id },
        cause: checked(Cause::from_number(row.cause.into())),
        from: HolderKind::from_number(row.from_kind.into()).map(|kind| Holder { kind, id: row.from_id }),
        to: Holder { kind: checked(HolderKind::from_number(row.to_kind.into())), id: row.to_id },
        epoch: row.epoch,
        note: row.note,
        hand_off_reason: HandOffReason::from_number(row.hand_off_reason.into()),
        hand_off_summary: row.hand_off_summary,
        request_id: row.request_id,
        hand_off_skill: row.hand_off_skill,
        hand_off_language: row.hand_off_language,
    });
    Ok(changes.collect())
}

/// Removes what a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM holder_change WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}
