//! Teams' queues: what waits in them, and whose queue a conversation goes back to.
//!
//! `OFFSET 0` keeps "on its way already" a look into an index for each conversation of the queue: made a join, it would read all
//! that is on its way for every claim.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{HandOffReason, HolderKind, Priority, Status, checked};
use crate::domain::model::Holder;
use crate::domain::routing::Case;

/// A place in a queue.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub id: Uuid,
    pub priority: i16,
    pub since: DateTime<Utc>,
}

/// Teams in whose queue something waits, of tenants that work and have a rule: (tenant, team, its fallback team), in order.
pub async fn at_work(connection: &mut Connection) -> Result<Vec<(Uuid, Uuid, Option<Uuid>)>> {
    let rows = sqlx::query!(
        r#"SELECT t.tenant_id, t.id, t.fallback_team_id
           FROM (SELECT DISTINCT tenant_id FROM routing_rule WHERE enabled) AS routed
                JOIN team t ON t.tenant_id = routed.tenant_id
           WHERE NOT EXISTS (SELECT FROM tenant s WHERE s.id = t.tenant_id AND s.suspended)
             AND EXISTS (SELECT FROM conversation c
                         WHERE c.tenant_id = t.tenant_id AND c.holder_id = t.id AND c.holder_kind = 3 AND c.status IN (1, 2))
           ORDER BY t.tenant_id, t.id"#,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id, row.fallback_team_id)).collect())
}

/// What waits in a team's queue behind a place and is on its way to nobody: the most urgent first, of these what waits
/// longest. `before`: what has been there since then alone.
pub async fn page(
    connection: &mut Connection,
    tenant_id: Uuid,
    team_id: Uuid,
    after: Option<Place>,
    before: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<Place>> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.priority, c.holder_since AS "since!" FROM conversation c
           WHERE c.tenant_id = $1 AND c.holder_id = $2 AND c.holder_kind = 3 AND c.status IN (1, 2)
             AND c.holder_since IS NOT NULL AND c.refused_epoch IS DISTINCT FROM c.epoch
             AND (-c.priority, c.holder_since, c.id) > ($3::smallint, $4::timestamptz, $5::uuid)
             AND ($7::timestamptz IS NULL OR c.holder_since <= $7)
             AND NOT EXISTS (
                 SELECT FROM reservation r
                 WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.state IN (1, 2)
                   AND NOT (r.state = 2 AND r.epoch <= c.epoch) OFFSET 0)
           ORDER BY -c.priority, c.holder_since, c.id LIMIT $6"#,
        tenant_id,
        team_id,
        after.map_or(i16::MIN, |after| -after.priority),
        after.map(|after| after.since).unwrap_or_default(),
        after.map(|after| after.id).unwrap_or_default(),
        limit,
        before,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| Place { id: row.id, priority: row.priority, since: row.since }).collect())
}

/// Conversations with what rules ask for, in the order of their ids' list; what is not known is left out.
pub async fn cases(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Case>> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.channel_id, c.status, c.holder_kind, c.holder_id, c.holder_since, c.epoch, c.priority,
                  c.hand_off_reason, k.customer_id AS "customer_id?", ARRAY (
                      SELECT DISTINCT coalesce(g.merged_into, carried.id)
                      FROM unnest(u.tag_ids) AS carried (id)
                      LEFT JOIN tag g ON g.tenant_id = $1 AND g.id = carried.id
                      WHERE g.deleted IS NOT TRUE) AS "tag_ids!", u.language AS "customer_language?",
                  h.hand_off_skill AS "skill?", h.hand_off_language AS "language?"
           FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place)
                JOIN conversation c ON c.tenant_id = $1 AND c.id = wanted.id
                LEFT JOIN customer_contact k ON k.tenant_id = c.tenant_id AND k.contact_id = c.contact_id
                LEFT JOIN customer u ON u.tenant_id = k.tenant_id AND u.id = k.customer_id
                LEFT JOIN LATERAL (
                    SELECT h.hand_off_skill, h.hand_off_language FROM holder_change h
                    WHERE h.tenant_id = c.tenant_id AND h.conversation_id = c.id AND h.cause = 4
                    ORDER BY h.epoch DESC LIMIT 1) h ON true
           ORDER BY wanted.place"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let cases = rows.into_iter().map(|row| Case {
        id: row.id,
        channel_id: row.channel_id,
        status: checked(Status::from_number(row.status.into())),
        holder: Holder { kind: checked(HolderKind::from_number(row.holder_kind.into())), id: row.holder_id },
        holder_since: row.holder_since.unwrap_or_default(),
        epoch: row.epoch,
        priority: checked(Priority::from_number(row.priority.into())),
        hand_off_reason: HandOffReason::from_number(row.hand_off_reason.into()),
        customer_id: row.customer_id,
        customer_tag_ids: row.tag_ids,
        language: given(row.language).or(row.customer_language).unwrap_or_default(),
        skill: row.skill.unwrap_or_default(),
    });
    Ok(cases.collect())
}

/// When agents last helped some customers, by the newest fifty conversations of each contact: (customer, agent, when).
pub async fn helped(
    connection: &mut Connection,
    tenant_id: Uuid,
    customers: &[Uuid],
) -> Result<Vec<(Uuid, Uuid, DateTime<Utc>)>> {
    let rows = sqlx::query!(
        r#"SELECT wanted.id AS "customer_id!", h.to_id AS "agent_id!", max(h.at) AS "at!"
           FROM unnest($2::uuid[]) AS wanted (id)
                JOIN customer_contact k ON k.tenant_id = $1 AND k.customer_id = wanted.id
                CROSS JOIN LATERAL (
                    SELECT c.id FROM conversation c WHERE c.tenant_id = $1 AND c.contact_id = k.contact_id
                    ORDER BY c.id DESC LIMIT 50) c
                JOIN holder_change h ON h.tenant_id = $1 AND h.conversation_id = c.id
           WHERE h.to_kind = 2 GROUP BY wanted.id, h.to_id"#,
        tenant_id,
        customers,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.customer_id, row.agent_id, row.at)).collect())
}

/// The teams in whose queues conversations were since a person or the AI last held them: (conversation, team).
pub async fn been(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversations: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT h.conversation_id, h.to_id AS "team_id!"
           FROM unnest($2::uuid[]) AS wanted (id)
                JOIN holder_change h ON h.tenant_id = $1 AND h.conversation_id = wanted.id
           WHERE h.to_kind = 3 AND h.epoch > coalesce((
               SELECT max(held.epoch) FROM holder_change held
               WHERE held.tenant_id = $1 AND held.conversation_id = wanted.id AND held.to_kind IN (1, 2)), 0)"#,
        tenant_id,
        conversations,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row.team_id)).collect())
}

/// Locks a queued conversation, unless another holds the lock: it is still in this team's queue at this epoch, and on its
/// way to nobody.
pub async fn lock(
    connection: &mut Connection,
    tenant_id: Uuid,
    id: Uuid,
    team_id: Uuid,
    epoch: i64,
) -> Result<bool> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM conversation
         WHERE tenant_id = $1 AND id = $2 AND holder_kind = 3 AND holder_id = $3 AND epoch = $4 AND status IN (1, 2)
         FOR NO KEY UPDATE SKIP LOCKED",
        tenant_id,
        id,
        team_id,
        epoch,
    )
    .fetch_optional(&mut *connection)
    .await?;
    // A new statement: it sees every reservation that was committed before the lock was had.
    Ok(locked.is_some() && !is_reserved(connection, tenant_id, id).await?)
}

/// Locks what is next in some teams' queues, but for what is on its way to somebody, what others have locked, and `but`. Answers
/// its id and epoch. What was reserved since the statement began is found by [`is_reserved`] afterwards.
pub async fn lock_next(
    connection: &mut Connection,
    tenant_id: Uuid,
    teams: &[Uuid],
    but: &[Uuid],
) -> Result<Option<(Uuid, i64)>> {
    // The best of each team is locked, and let go with the transaction: a claim ends within milliseconds.
    let next = sqlx::query!(
        r#"SELECT c.id AS "id!", c.epoch AS "epoch!"
           FROM unnest($2::uuid[]) AS team (id)
                CROSS JOIN LATERAL (
                    SELECT c.id, c.epoch, c.priority, c.holder_since FROM conversation c
                    WHERE c.tenant_id = $1 AND c.holder_id = team.id AND c.holder_kind = 3 AND c.status IN (1, 2)
                      AND c.holder_since IS NOT NULL AND c.refused_epoch IS DISTINCT FROM c.epoch AND c.id <> ALL ($3)
                      AND NOT EXISTS (
                          SELECT FROM reservation r
                          WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.state IN (1, 2)
                            AND NOT (r.state = 2 AND r.epoch <= c.epoch) OFFSET 0)
                    ORDER BY -c.priority, c.holder_since, c.id LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED) c
           ORDER BY c.priority DESC, c.holder_since, c.id LIMIT 1"#,
        tenant_id,
        teams,
        but,
    )
    .fetch_optional(connection)
    .await?;
    Ok(next.map(|next| (next.id, next.epoch)))
}

/// Notes that a conversation's epoch is over, which the feed does not show yet.
pub async fn over(connection: &mut Connection, tenant_id: Uuid, id: Uuid, epoch: i64) -> Result<()> {
    sqlx::query!(
        "UPDATE conversation SET refused_epoch = $3 WHERE tenant_id = $1 AND id = $2 AND epoch = $3",
        tenant_id,
        id,
        epoch,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a conversation is on its way to a holder that its state does not show yet.
pub async fn is_reserved(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<bool> {
    let reserved = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM reservation r JOIN conversation c ON c.tenant_id = r.tenant_id AND c.id = r.conversation_id
               WHERE r.tenant_id = $1 AND r.conversation_id = $2 AND r.state IN (1, 2)
                 AND NOT (r.state = 2 AND r.epoch <= c.epoch)) AS "reserved!""#,
        tenant_id,
        id,
    )
    .fetch_one(connection)
    .await?;
    Ok(reserved)
}

/// The team into whose queue each conversation goes that an agent does not keep: the team that held it last, else its
/// channel's default team, else the agent's first team by name that sees the channel, each where it exists; `None` is nobody.
/// A conversation that is not known here yet is left out.
pub async fn of_conversations(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    conversation_ids: &[Uuid],
) -> Result<HashMap<Uuid, Option<Uuid>>> {
    let rows = sqlx::query!(
        r#"SELECT c.id, coalesce(
               (SELECT t.id FROM team t WHERE t.tenant_id = c.tenant_id AND t.id = (
                    SELECT h.to_id FROM holder_change h
                    WHERE h.tenant_id = c.tenant_id AND h.conversation_id = c.id AND h.to_kind = 3
                    ORDER BY h.epoch DESC, h.entry_id DESC LIMIT 1)),
               (SELECT t.id FROM channel l JOIN team t ON t.tenant_id = l.tenant_id AND t.id = l.default_team_id
                WHERE l.tenant_id = c.tenant_id AND l.id = c.channel_id),
               (SELECT t.id FROM team_member m JOIN team t ON t.tenant_id = m.tenant_id AND t.id = m.team_id
                WHERE m.tenant_id = c.tenant_id AND m.agent_id = $2
                  AND (t.all_channels OR c.channel_id = ANY (t.channel_ids))
                ORDER BY t.name_folded LIMIT 1)) AS team_id
           FROM conversation c WHERE c.tenant_id = $1 AND c.id = ANY ($3)"#,
        tenant_id,
        agent_id,
        conversation_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.team_id)).collect())
}
