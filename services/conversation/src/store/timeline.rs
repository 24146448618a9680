use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::kinds::{ActorKind, checked};
use crate::domain::model::{Actor, Entry};

struct Record {
    tenant_id: Uuid,
    conversation_id: Uuid,
    id: Uuid,
    at_position: i64,
    at: DateTime<Utc>,
    actor_kind: i16,
    actor_id: Option<Uuid>,
    event: Value,
    channel_id: Uuid,
    contact_id: Uuid,
}

impl Record {
    fn into_entry(self) -> Result<(Uuid, Entry)> {
        let event = serde_json::from_value(self.event).map_err(Fault::internal)?;
        let entry = Entry {
            id: self.id,
            conversation_id: self.conversation_id,
            at_position: self.at_position,
            at: self.at,
            actor: Actor { kind: checked(ActorKind::from_number(self.actor_kind)), id: self.actor_id },
            event,
            channel_id: self.channel_id,
            contact_id: self.contact_id,
        };
        Ok((self.tenant_id, entry))
    }
}

/// Appends entries.
pub async fn append(connection: &mut Connection, tenant_id: Uuid, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        events.push(serde_json::to_value(&entry.event).map_err(Fault::internal)?);
    }
    let conversations: Vec<Uuid> = entries.iter().map(|entry| entry.conversation_id).collect();
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
    let positions: Vec<i64> = entries.iter().map(|entry| entry.at_position).collect();
    let times: Vec<DateTime<Utc>> = entries.iter().map(|entry| entry.at).collect();
    let kinds: Vec<i16> = entries.iter().map(|entry| entry.actor.kind.number()).collect();
    let actors: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.actor.id).collect();
    let epochs: Vec<Option<i64>> = entries.iter().map(|entry| entry.event.epoch()).collect();
    sqlx::query!(
        "INSERT INTO timeline (tenant_id, conversation_id, id, at_position, at, actor_kind, actor_id, epoch, event)
         SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::smallint[], $7::uuid[],
             $8::bigint[], $9::jsonb[])",
        tenant_id,
        &conversations,
        &ids,
        &positions,
        &times,
        &kinds,
        &actors as &[Option<Uuid>],
        &epochs as &[Option<i64>],
        &events,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Entries of any tenants by (tenant, id), for the feed and for recorded answers.
pub async fn read(connection: &mut Connection, ids: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Entry)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
    let rows = sqlx::query_as!(
        Record,
        "SELECT t.tenant_id, t.conversation_id, t.id, at_position, at, actor_kind, actor_id, event, c.channel_id,
                c.contact_id
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
         JOIN timeline t ON t.tenant_id = wanted.tenant_id AND t.id = wanted.id
         JOIN conversation c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Record::into_entry).collect()
}

/// A page of (tenant, id) pairs after one, for a snapshot.
pub async fn page_ids(
    connection: &mut Connection,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM timeline WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// One conversation's entries after a number, oldest first, with their numbers.
pub async fn of_conversation(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Entry)>> {
    let rows = sqlx::query!(
        "SELECT t.tenant_id, t.conversation_id, t.id, at_position, at, actor_kind, actor_id, event, c.channel_id,
                c.contact_id, t.number
         FROM timeline t JOIN conversation c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
         WHERE t.tenant_id = $1 AND t.conversation_id = $2 AND t.number > $3 ORDER BY t.number LIMIT $4",
        tenant_id,
        conversation_id,
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let record = Record {
                tenant_id: row.tenant_id,
                conversation_id: row.conversation_id,
                id: row.id,
                at_position: row.at_position,
                at: row.at,
                actor_kind: row.actor_kind,
                actor_id: row.actor_id,
                event: row.event,
                channel_id: row.channel_id,
                contact_id: row.contact_id,
            };
            Ok((row.number, record.into_entry()?.1))
        })
        .collect()
}

/// Whether the holder was changed after an epoch by people or by Tandem, neither by the AI nor by the customer's return.
pub async fn people_since(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_id: Uuid,
    epoch: i64,
) -> Result<bool> {
    let changed = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM timeline WHERE tenant_id = $1 AND conversation_id = $2 AND epoch > $3
                          AND actor_kind NOT IN (1, 2)) AS "changed!""#,
        tenant_id,
        conversation_id,
        epoch,
    )
    .fetch_one(connection)
    .await?;
    Ok(changed)
}
