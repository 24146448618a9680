use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{ActorKind, NotificationKind, checked};
use crate::domain::model::{Actor, Listed, Notification};

/// Adds notifications, each entry once for an agent; agents who do not exist, are deactivated or have muted the kind get none.
/// Answers how many are new.
///
/// The numbers come from the agents' heads, whose locks are held until the commit: one agent's notifications are committed
/// in the order of their numbers. Heads are locked in the order of their keys.
pub async fn insert(connection: &mut Connection, notifications: &[Notification]) -> Result<u64> {
    let tenants: Vec<Uuid> = notifications.iter().map(|new| new.tenant_id).collect();
    let agents: Vec<Uuid> = notifications.iter().map(|new| new.agent_id).collect();
    let ids: Vec<Uuid> = notifications.iter().map(|new| new.id).collect();
    let entries: Vec<Uuid> = notifications.iter().map(|new| new.entry_id).collect();
    let kinds: Vec<i16> = notifications.iter().map(|new| new.kind.number()).collect();
    let conversations: Vec<Uuid> = notifications.iter().map(|new| new.conversation_id).collect();
    let notes: Vec<String> = notifications.iter().map(|new| new.note.clone()).collect();
    let actor_kinds: Vec<i16> = notifications.iter().map(|new| new.actor.kind.number()).collect();
    let actors: Vec<Option<Uuid>> = notifications.iter().map(|new| new.actor.id).collect();
    let epochs: Vec<i64> = notifications.iter().map(|new| new.epoch).collect();
    let times: Vec<DateTime<Utc>> = notifications.iter().map(|new| new.at).collect();
    let customers: Vec<Option<Uuid>> = notifications.iter().map(|new| new.customer_id).collect();
    let inserted = sqlx::query!(
        "WITH new AS (
             SELECT new.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::uuid[],
                 $7::text[], $8::smallint[], $9::uuid[], $10::bigint[], $11::timestamptz[], $12::uuid[]) WITH ORDINALITY
                 AS new (tenant_id, agent_id, id, entry_id, kind, conversation_id, note, actor_kind, actor_id, epoch, at,
                         customer_id, n)
             JOIN agent a ON a.tenant_id = new.tenant_id AND a.id = new.agent_id AND a.state = 1
             WHERE NOT EXISTS (
                 SELECT FROM notification old
                 WHERE old.tenant_id = new.tenant_id AND old.entry_id = new.entry_id AND old.agent_id = new.agent_id)
               AND NOT EXISTS (
                 SELECT FROM notification_preference p
                 WHERE p.tenant_id = new.tenant_id AND p.agent_id = new.agent_id AND new.kind = ANY (p.muted))),
         head AS (
             INSERT INTO notification_head AS old (tenant_id, agent_id, number)
             SELECT tenant_id, agent_id, count(*) FROM new GROUP BY tenant_id, agent_id ORDER BY tenant_id, agent_id
             ON CONFLICT (tenant_id, agent_id) DO UPDATE SET number = old.number + EXCLUDED.number
             RETURNING tenant_id, agent_id, number)
         INSERT INTO notification (tenant_id, agent_id, number, id, entry_id, kind, conversation_id, note, actor_kind,
             actor_id, epoch, at, customer_id)
         SELECT new.tenant_id, new.agent_id,
                head.number + 1 - row_number() OVER (PARTITION BY new.tenant_id, new.agent_id ORDER BY new.n DESC),
                new.id, new.entry_id, new.kind, new.conversation_id, new.note, new.actor_kind, new.actor_id, new.epoch,
                new.at, new.customer_id
         FROM new JOIN head USING (tenant_id, agent_id)
         ON CONFLICT (tenant_id, entry_id, agent_id) DO NOTHING",
        &tenants,
        &agents,
        &ids,
        &entries,
        &kinds,
        &conversations,
        &notes,
        &actor_kinds,
        &actors as &[Option<Uuid>],
        &epochs,
        &times,
        &customers as &[Option<Uuid>],
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

struct Record {
    number: i64,
    id: Uuid,
    entry_id: Uuid,
    kind: i16,
    conversation_id: Uuid,
    customer_id: Option<Uuid>,
    note: String,
    actor_kind: i16,
    actor_id: Option<Uuid>,
    epoch: i64,
    at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
}

impl Record {
    fn into_listed(self, tenant_id: Uuid, agent_id: Uuid) -> Listed {
        let notification = Notification {
            tenant_id,
            agent_id,
            id: self.id,
            entry_id: self.entry_id,
            kind: checked(NotificationKind::from_number(self.kind.into())),
            conversation_id: self.conversation_id,
            customer_id: self.customer_id,
            note: self.note,
            actor: Actor { kind: checked(ActorKind::from_number(self.actor_kind.into())), id: self.actor_id },
            epoch: self.epoch,
            at: self.at,
        };
        Listed { number: self.number, notification, read_at: self.read_at }
    }
}

/// An agent's notifications before a number, newest first.
pub async fn before(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    number: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    let records = sqlx::query_as!(
        Record,
        "SELECT number, id, entry_id, kind, conversation_id, customer_id, note, actor_kind, actor_id, epoch, at, read_at
         FROM notification WHERE tenant_id = $1 AND agent_id = $2 AND number < $3 ORDER BY number DESC LIMIT $4",
        tenant_id,
        agent_id,
        number,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(records.into_iter().map(|record| record.into_listed(tenant_id, agent_id)).collect())
}

/// An agent's notifications after a number, oldest first.
pub async fn after(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    number: i64,
    limit: i64,
) -> Result<Vec<Listed>> {
    let records = sqlx::query_as!(
        Record,
        "SELECT number, id, entry_id, kind, conversation_id, customer_id, note, actor_kind, actor_id, epoch, at, read_at
         FROM notification WHERE tenant_id = $1 AND agent_id = $2 AND number > $3 ORDER BY number LIMIT $4",
        tenant_id,
        agent_id,
        number,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(records.into_iter().map(|record| record.into_listed(tenant_id, agent_id)).collect())
}

/// The numbers of some agents' newest notifications; agents who never had one are left out.
pub async fn heads(connection: &mut Connection, agents: &[(Uuid, Uuid)]) -> Result<Vec<((Uuid, Uuid), i64)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = agents.iter().copied().unzip();
    let rows = sqlx::query!(
        "SELECT h.tenant_id, h.agent_id, h.number
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, agent_id)
              JOIN notification_head h USING (tenant_id, agent_id)",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.agent_id), row.number)).collect())
}

/// How many of an agent's notifications are unread, counted up to `most`.
pub async fn unread(connection: &mut Connection, tenant_id: Uuid, agent_id: Uuid, most: i64) -> Result<i64> {
    let unread = sqlx::query_scalar!(
        r#"SELECT count(*) AS "unread!" FROM (
               SELECT FROM notification WHERE tenant_id = $1 AND agent_id = $2 AND read_at IS NULL LIMIT $3) AS unread"#,
        tenant_id,
        agent_id,
        most,
    )
    .fetch_one(connection)
    .await?;
    Ok(unread)
}

/// Takes what deleted notes about customers said out of the notifications of them.
pub async fn blank(connection: &mut Connection, notes: &[(Uuid, Uuid)]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = notes.iter().copied().unzip();
    sqlx::query!(
        "UPDATE notification SET note = ''
         WHERE (tenant_id, entry_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) AND customer_id IS NOT NULL",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes about customers that are there: what notifications say of them stays.
pub async fn seen(connection: &mut Connection, generation: i64, notes: &[(Uuid, Uuid)]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = notes.iter().copied().unzip();
    sqlx::query!(
        "UPDATE notification SET generation = $3
         WHERE (tenant_id, entry_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
           AND customer_id IS NOT NULL AND generation < $3",
        &tenants,
        &ids,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes what notes about customers said that a rebuild did not see out of the notifications of them.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!(
        "UPDATE notification SET note = '' WHERE customer_id IS NOT NULL AND note <> '' AND generation < $1",
        generation
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks an agent's own notifications as read; the first time counts, and ids of others change nothing.
pub async fn mark_read(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE notification SET read_at = $4
         WHERE tenant_id = $1 AND agent_id = $2 AND id = ANY ($3) AND read_at IS NULL",
        tenant_id,
        agent_id,
        ids,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets notifications of before `before`, oldest first.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    sqlx::query!(
        "DELETE FROM notification WHERE (tenant_id, agent_id, number) IN (
             SELECT tenant_id, agent_id, number FROM notification WHERE at < $1
             ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(())
}
