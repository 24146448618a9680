use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use tandem_request_log::Request;
use uuid::Uuid;

use super::all_written;
use crate::domain::model::{Conversation, HolderChange};

/// A reservation as it is first written.
pub struct New<'a> {
    pub request: &'a Request,
    pub conversation_id: Uuid,
    pub agent_id: Option<Uuid>,
    pub transfer: &'a [u8],
    pub at: DateTime<Utc>,
}

/// What stands under a request id.
#[derive(Debug)]
pub struct Reservation {
    pub scope: String,
    pub body_hash: Vec<u8>,
    /// Its transfer was refused.
    pub released: bool,
    /// What conversation knows it by.
    pub transfer_id: Uuid,
    pub transfer: Option<Vec<u8>>,
    pub answer: Option<Vec<u8>>,
}

/// Claims the request id. False when it is claimed already; a concurrent duplicate waits for the first to end.
///
/// No arbiter is named: the first of the two unique indexes to see the duplicate settles it. With one named, the other would end
/// a duplicate that comes at the same moment with an error.
pub async fn insert(connection: &mut Connection, new: &New<'_>) -> Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO reservation (tenant_id, request_id, transfer_id, scope, body_hash, conversation_id, agent_id, state,
             attempted_at, created_at, transfer)
         VALUES ($1, $2, $2, $3, $4, $5, $6, 1, $7, $7, $8) ON CONFLICT DO NOTHING",
        new.request.tenant_id,
        new.request.request_id,
        new.request.scope,
        &new.request.body_hash[..],
        new.conversation_id,
        new.agent_id,
        new.at,
        new.transfer,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Reads and locks what stands under a request id.
pub async fn lock(
    connection: &mut Connection,
    tenant_id: Uuid,
    request_id: Uuid,
) -> Result<Option<Reservation>> {
    let row = sqlx::query!(
        r#"SELECT scope, body_hash, state = 4 AS "released!", transfer_id, transfer, answer FROM reservation
           WHERE tenant_id = $1 AND request_id = $2 FOR UPDATE"#,
        tenant_id,
        request_id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Reservation {
        scope: row.scope,
        body_hash: row.body_hash,
        released: row.released,
        transfer_id: row.transfer_id,
        transfer: row.transfer,
        answer: row.answer,
    }))
}

/// Makes a released reservation pending again. Answers the number of the attempt.
pub async fn renew(connection: &mut Connection, new: &New<'_>) -> Result<i32> {
    let attempt = sqlx::query_scalar!(
        "UPDATE reservation SET state = 1, agent_id = $3, transfer = $4, attempt = attempt + 1, attempted_at = $5,
             conversation_id = $6
         WHERE tenant_id = $1 AND request_id = $2 AND state = 4 RETURNING attempt",
        new.request.tenant_id,
        new.request.request_id,
        new.agent_id,
        new.transfer,
        new.at,
        new.conversation_id,
    )
    .fetch_one(connection)
    .await?;
    Ok(attempt)
}

/// Counts one more attempt.
pub async fn attempt(
    connection: &mut Connection,
    tenant_id: Uuid,
    request_id: Uuid,
    now: DateTime<Utc>,
) -> Result<i32> {
    let attempt = sqlx::query_scalar!(
        "UPDATE reservation SET attempt = attempt + 1, attempted_at = $3
         WHERE tenant_id = $1 AND request_id = $2 RETURNING attempt",
        tenant_id,
        request_id,
        now,
    )
    .fetch_one(connection)
    .await?;
    Ok(attempt)
}

/// How many conversations but this one take an agent's capacity, counted up to `most`: what conversation's states show as
/// held, and what is reserved and not shown yet. A conversation that is both counts once.
pub async fn taken(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    conversation_id: Uuid,
    most: i32,
) -> Result<i64> {
    let taken = sqlx::query_scalar!(
        r#"SELECT count(*) AS "taken!" FROM (
               (SELECT id FROM conversation
                WHERE tenant_id = $1 AND holder_id = $2 AND holder_kind = 2 AND status <> 4 AND id <> $3 LIMIT $4)
               UNION
               (SELECT r.conversation_id FROM reservation r
                WHERE r.tenant_id = $1 AND r.agent_id = $2 AND r.state IN (1, 2) AND r.conversation_id <> $3
                  AND NOT (r.state = 2 AND EXISTS (
                      SELECT FROM conversation c
                      WHERE c.tenant_id = r.tenant_id AND c.id = r.conversation_id AND c.epoch >= r.epoch))
                LIMIT $4)) AS taken"#,
        tenant_id,
        agent_id,
        conversation_id,
        i64::from(most),
    )
    .fetch_one(connection)
    .await?;
    Ok(taken)
}

/// Stores conversation's answer, unless one is stored. Answers the first.
pub async fn land(
    connection: &mut Connection,
    tenant_id: Uuid,
    request_id: Uuid,
    epoch: i64,
    answer: &[u8],
) -> Result<Vec<u8>> {
    let first = sqlx::query_scalar!(
        r#"UPDATE reservation r SET epoch = $3, transfer = NULL, answer = coalesce(answer, $4),
               state = CASE WHEN state = 3 OR EXISTS (
                   SELECT FROM conversation c
                   WHERE c.tenant_id = r.tenant_id AND c.id = r.conversation_id AND c.epoch >= $3) THEN 3 ELSE 2 END
           WHERE tenant_id = $1 AND request_id = $2 RETURNING answer AS "answer!""#,
        tenant_id,
        request_id,
        epoch,
        answer,
    )
    .fetch_one(connection)
    .await?;
    Ok(first)
}

/// Releases a reservation whose transfer was refused by the answer to `attempt`, when no newer one may still land. One that
/// landed stays.
pub async fn release(
    connection: &mut Connection,
    tenant_id: Uuid,
    request_id: Uuid,
    attempt: i32,
) -> Result<()> {
    sqlx::query!(
        "UPDATE reservation SET state = 4, transfer = NULL
         WHERE tenant_id = $1 AND request_id = $2 AND state = 1 AND attempt = $3",
        tenant_id,
        request_id,
        attempt,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Releases a reservation whose transfer id conversation has refused for good, whichever attempt used it; a repetition goes
/// under `next`. One that landed stays.
pub async fn give_up(
    connection: &mut Connection,
    tenant_id: Uuid,
    transfer_id: Uuid,
    next: Uuid,
) -> Result<()> {
    sqlx::query!(
        "UPDATE reservation SET state = 4, transfer = NULL, transfer_id = $3
         WHERE tenant_id = $1 AND transfer_id = $2 AND state IN (1, 4)",
        tenant_id,
        transfer_id,
        next,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Entries of the timeline land the reservations that made them, whoever else knows it by then.
pub async fn land_by_entries(connection: &mut Connection, changes: &[HolderChange]) -> Result<()> {
    let made = changes.iter().filter_map(|change| Some((change.tenant_id, change.request_id?, change.epoch)));
    let (mut tenants, mut requests, mut epochs) = (Vec::new(), Vec::new(), Vec::new());
    for (tenant_id, request_id, epoch) in made {
        tenants.push(tenant_id);
        requests.push(request_id);
        epochs.push(epoch);
    }
    sqlx::query!(
        "WITH locked AS (
             SELECT r.tenant_id, r.request_id, made.epoch
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS made (tenant_id, transfer_id, epoch)
                  JOIN reservation r USING (tenant_id, transfer_id)
             WHERE r.state = 1 ORDER BY r.tenant_id, r.request_id FOR UPDATE OF r)
         UPDATE reservation r SET state = 2, epoch = locked.epoch FROM locked
         WHERE r.tenant_id = locked.tenant_id AND r.request_id = locked.request_id AND r.state = 1",
        &tenants,
        &requests,
        &epochs,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// States of conversations settle the landed reservations that they show.
pub async fn settle_by_states(connection: &mut Connection, conversations: &[Conversation]) -> Result<()> {
    let tenants: Vec<Uuid> = conversations.iter().map(|shown| shown.tenant_id).collect();
    let ids: Vec<Uuid> = conversations.iter().map(|shown| shown.id).collect();
    let epochs: Vec<i64> = conversations.iter().map(|shown| shown.epoch).collect();
    sqlx::query!(
        "WITH locked AS (
             SELECT r.tenant_id, r.request_id
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS shown (tenant_id, conversation_id, epoch)
                  JOIN reservation r USING (tenant_id, conversation_id)
             WHERE r.state = 2 AND r.epoch <= shown.epoch ORDER BY r.tenant_id, r.request_id FOR UPDATE OF r)
         UPDATE reservation r SET state = 3 FROM locked
         WHERE r.tenant_id = locked.tenant_id AND r.request_id = locked.request_id",
        &tenants,
        &ids,
        &epochs,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Pending reservations that nobody has touched since `before`, oldest first: the tenant's, the request's and the transfer's
/// id.
pub async fn orphans(
    connection: &mut Connection,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, request_id, transfer_id FROM reservation WHERE state = 1 AND attempted_at < $1
         ORDER BY attempted_at LIMIT $2",
        before,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.request_id, row.transfer_id)).collect())
}

/// Settles landed reservations that conversation's state shows (the answer may come after the state), and those older than
/// `before`, oldest first.
pub async fn settle_landed(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    let locked = sqlx::query!(
        r#"SELECT r.tenant_id, r.request_id,
                  (r.attempted_at < $1 OR EXISTS (
                      SELECT FROM conversation c
                      WHERE c.tenant_id = r.tenant_id AND c.id = r.conversation_id AND c.epoch >= r.epoch)) AS "done!"
           FROM reservation r WHERE r.state = 2 ORDER BY r.attempted_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED"#,
        before,
        limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    let done = locked.into_iter().filter(|row| row.done).map(|row| (row.tenant_id, row.request_id));
    let (tenants, requests): (Vec<Uuid>, Vec<Uuid>) = done.unzip();
    let settled = sqlx::query!(
        "UPDATE reservation r SET state = 3 FROM unnest($1::uuid[], $2::uuid[]) AS done (tenant_id, request_id)
         WHERE r.tenant_id = done.tenant_id AND r.request_id = done.request_id",
        &tenants,
        &requests,
    )
    .execute(connection)
    .await?;
    all_written(settled.rows_affected(), tenants.len())
}

/// Forgets decided reservations made before `before`.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    sqlx::query!(
        "DELETE FROM reservation WHERE (tenant_id, request_id) IN (
             SELECT tenant_id, request_id FROM reservation
             WHERE created_at < $1 AND state IN (3, 4) ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(())
}
