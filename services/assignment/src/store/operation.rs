use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{ActorKind, HolderKind, OperationKind, OperationState, checked};
use crate::domain::model::{Actor, Holder, Operation};

/// What operations that begin together share.
pub struct New<'a> {
    pub kind: OperationKind,
    pub to: Option<Holder>,
    pub force: bool,
    pub actor: Actor,
    pub note: &'a str,
    pub at: DateTime<Utc>,
}

/// What became of conversations of an operation, by their ids.
#[derive(Debug, Default)]
pub struct Settled {
    pub moved: Vec<Uuid>,
    pub skipped: Vec<Uuid>,
    pub failed: Vec<Uuid>,
    /// Of the last that failed.
    pub failed_reason: Option<String>,
}

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    kind: i16,
    agent_id: Uuid,
    to_kind: Option<i16>,
    to_id: Option<Uuid>,
    force: bool,
    state: i16,
    total: i32,
    moved: i32,
    skipped: i32,
    failed: i32,
    failed_reason: String,
    actor_kind: i16,
    actor_id: Option<Uuid>,
    note: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl From<Record> for Operation {
    fn from(record: Record) -> Self {
        let to = |kind: i16| Holder { kind: checked(HolderKind::from_number(kind.into())), id: record.to_id };
        Self {
            tenant_id: record.tenant_id,
            id: record.id,
            kind: checked(OperationKind::from_number(record.kind.into())),
            agent_id: record.agent_id,
            to: record.to_kind.map(to),
            force: record.force,
            state: checked(OperationState::from_number(record.state.into())),
            total: record.total,
            moved: record.moved,
            skipped: record.skipped,
            failed: record.failed,
            failed_reason: record.failed_reason,
            actor: Actor {
                kind: checked(ActorKind::from_number(record.actor_kind.into())),
                id: record.actor_id,
            },
            note: record.note,
            created_at: record.created_at,
            updated_at: record.updated_at,
            ended_at: record.ended_at,
        }
    }
}

/// Adds operations: (tenant, operation, agent).
pub async fn insert(connection: &mut Connection, new: &New<'_>, keys: &[(Uuid, Uuid, Uuid)]) -> Result<()> {
    let tenants: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
    let ids: Vec<Uuid> = keys.iter().map(|key| key.1).collect();
    let agents: Vec<Uuid> = keys.iter().map(|key| key.2).collect();
    sqlx::query!(
        "INSERT INTO operation (tenant_id, id, agent_id, kind, to_kind, to_id, force, state, actor_kind, actor_id, note,
             created_at, updated_at)
         SELECT *, $4, $5, $6, $7, 1, $8, $9, $10, $11, $11
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS new (tenant_id, id, agent_id)",
        &tenants,
        &ids,
        &agents,
        new.kind.number(),
        new.to.map(|to| to.kind.number()),
        new.to.and_then(|to| to.id),
        new.force,
        new.actor.kind.number(),
        new.actor.id,
        new.note,
        new.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds to operations, (tenant, operation), what their agents hold by now: by conversation's states, and by transfers that
/// landed and are not shown yet. What is there under the same epoch stays as it is. Answers how many operations got some.
pub async fn find_held(connection: &mut Connection, keys: &[(Uuid, Uuid)]) -> Result<u64> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    let found = sqlx::query!(
        "WITH found AS (
             INSERT INTO operation_item AS old (tenant_id, operation_id, conversation_id, epoch)
             SELECT DISTINCT ON (o.tenant_id, o.id, held.id) o.tenant_id, o.id, held.id, held.epoch
             FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) JOIN operation o USING (tenant_id, id)
                  CROSS JOIN LATERAL (
                      SELECT c.id, c.epoch FROM conversation c
                      WHERE c.tenant_id = o.tenant_id AND c.holder_id = o.agent_id AND c.holder_kind = 2 AND c.status <> 4
                      UNION ALL
                      SELECT r.conversation_id, r.epoch FROM reservation r
                      WHERE r.tenant_id = o.tenant_id AND r.agent_id = o.agent_id AND r.state = 2
                        AND NOT EXISTS (
                            SELECT FROM conversation c
                            WHERE c.tenant_id = r.tenant_id AND c.id = r.conversation_id AND c.epoch >= r.epoch)) AS held
             ORDER BY o.tenant_id, o.id, held.id, held.epoch DESC
             ON CONFLICT (tenant_id, operation_id, conversation_id) DO UPDATE
             SET epoch = EXCLUDED.epoch, state = 1 WHERE old.epoch < EXCLUDED.epoch AND old.state <> 1
             RETURNING tenant_id, operation_id),
         counted AS (SELECT tenant_id, operation_id, count(*) AS count FROM found GROUP BY tenant_id, operation_id)
         UPDATE operation o SET total = o.total + counted.count::integer FROM counted
         WHERE o.tenant_id = counted.tenant_id AND o.id = counted.operation_id",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(found.rows_affected())
}

pub async fn find(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Operation>> {
    let record = sqlx::query_as!(
        Record,
        "SELECT tenant_id, id, kind, agent_id, to_kind, to_id, force, state, total, moved, skipped, failed, failed_reason,
                actor_kind, actor_id, note, created_at, updated_at, ended_at
         FROM operation WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(record.map(Into::into))
}

/// The operations over what an agent held, newest first, before an id.
pub async fn of_agent(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Operation>> {
    let records = sqlx::query_as!(
        Record,
        "SELECT tenant_id, id, kind, agent_id, to_kind, to_id, force, state, total, moved, skipped, failed, failed_reason,
                actor_kind, actor_id, note, created_at, updated_at, ended_at
         FROM operation WHERE tenant_id = $1 AND agent_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
        tenant_id,
        agent_id,
        before,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(records.into_iter().map(Into::into).collect())
}

/// Leases the running operation that waits longest, but none of `passed` and none that another process works on.
pub async fn take(
    connection: &mut Connection,
    lease: Uuid,
    (now, until): (DateTime<Utc>, DateTime<Utc>),
    passed: &[Uuid],
) -> Result<Option<Operation>> {
    let record = sqlx::query_as!(
        Record,
        "UPDATE operation o SET lease = $1, lease_until = $3
         FROM (SELECT tenant_id, id FROM operation
               WHERE state = 1 AND (lease_until IS NULL OR lease_until <= $2) AND id <> ALL ($4)
               ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS next
         WHERE o.tenant_id = next.tenant_id AND o.id = next.id
         RETURNING o.tenant_id, o.id, kind, agent_id, to_kind, to_id, force, state, total, moved, skipped, failed,
             failed_reason, actor_kind, actor_id, note, created_at, updated_at, ended_at",
        lease,
        now,
        until,
        passed,
    )
    .fetch_optional(connection)
    .await?;
    Ok(record.map(Into::into))
}

/// What is still to be moved: conversations and the epochs under which they are held.
pub async fn pending(
    connection: &mut Connection,
    operation: &Operation,
    limit: i64,
) -> Result<Vec<(Uuid, i64)>> {
    let rows = sqlx::query!(
        "SELECT conversation_id, epoch FROM operation_item WHERE tenant_id = $1 AND operation_id = $2 AND state = 1
         ORDER BY conversation_id LIMIT $3",
        operation.tenant_id,
        operation.id,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row.epoch)).collect())
}

/// Whether something is still to be moved, is held and not known to have failed, or may land at the agent.
pub async fn is_unfinished(connection: &mut Connection, operation: &Operation) -> Result<bool> {
    let unfinished = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM operation_item WHERE tenant_id = $1 AND operation_id = $2 AND state = 1)
              OR EXISTS (SELECT FROM reservation WHERE tenant_id = $1 AND agent_id = $3 AND state IN (1, 2))
              OR EXISTS (
                  SELECT FROM conversation c
                  WHERE c.tenant_id = $1 AND c.holder_id = $3 AND c.holder_kind = 2 AND c.status <> 4 AND NOT EXISTS (
                      SELECT FROM operation_item i
                      WHERE i.tenant_id = $1 AND i.operation_id = $2 AND i.conversation_id = c.id AND i.state = 4
                        AND i.epoch >= c.epoch)) AS "unfinished!""#,
        operation.tenant_id,
        operation.id,
        operation.agent_id,
    )
    .fetch_one(connection)
    .await?;
    Ok(unfinished)
}

/// Writes down what became of conversations. Each counts once, whoever else wrote it down.
pub async fn settle(
    connection: &mut Connection,
    operation: &Operation,
    settled: &Settled,
    now: DateTime<Utc>,
) -> Result<()> {
    let states = [(2_i16, &settled.moved), (3, &settled.skipped), (4, &settled.failed)];
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    for (number, of_state) in states {
        ids.extend_from_slice(of_state);
        numbers.extend(of_state.iter().map(|_| number));
    }
    // The operation's lock orders those whose leases overlap.
    sqlx::query!(
        "SELECT id FROM operation WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        operation.tenant_id,
        operation.id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query!(
        "WITH done AS (
             UPDATE operation_item i SET state = became.state
             FROM unnest($3::uuid[], $4::smallint[]) AS became (conversation_id, state)
             WHERE i.tenant_id = $1 AND i.operation_id = $2 AND i.conversation_id = became.conversation_id AND i.state = 1
             RETURNING i.state),
         counted AS (
             SELECT count(*) FILTER (WHERE state = 2) AS moved, count(*) FILTER (WHERE state = 3) AS skipped,
                    count(*) FILTER (WHERE state = 4) AS failed
             FROM done)
         UPDATE operation SET moved = operation.moved + counted.moved::integer,
             skipped = operation.skipped + counted.skipped::integer,
             failed = operation.failed + counted.failed::integer,
             failed_reason = coalesce($5, failed_reason), updated_at = $6
         FROM counted WHERE tenant_id = $1 AND id = $2",
        operation.tenant_id,
        operation.id,
        &ids,
        &numbers,
        settled.failed_reason,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives a lease back, where it is still the operation's; `done` ends the operation.
pub async fn give_back(
    connection: &mut Connection,
    operation: &Operation,
    lease: Uuid,
    done: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE operation SET lease = NULL, lease_until = NULL, updated_at = $5, state = CASE WHEN $4 THEN 2 ELSE 1 END,
             ended_at = CASE WHEN $4 THEN $5::timestamptz END
         WHERE tenant_id = $1 AND id = $2 AND lease = $3 AND state = 1",
        operation.tenant_id,
        operation.id,
        lease,
        done,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the running operations of one kind over what an agent holds; what they have not moved is left alone.
pub async fn end_all(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    kind: OperationKind,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "WITH ended AS (
             UPDATE operation SET state = 2, ended_at = $4, updated_at = $4, skipped = total - moved - failed, lease = NULL,
                 lease_until = NULL
             WHERE tenant_id = $1 AND agent_id = $2 AND kind = $3 AND state = 1 RETURNING tenant_id, id)
         UPDATE operation_item i SET state = 3 FROM ended
         WHERE i.tenant_id = ended.tenant_id AND i.operation_id = ended.id AND i.state = 1",
        tenant_id,
        agent_id,
        kind.number(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of some conversations are not known here, nor on their way to an agent: nothing will ever say who holds them.
pub async fn gone(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    let gone = sqlx::query_scalar!(
        r#"SELECT wanted.id AS "id!" FROM unnest($2::uuid[]) AS wanted (id)
           WHERE NOT EXISTS (SELECT FROM conversation c WHERE c.tenant_id = $1 AND c.id = wanted.id)
             AND NOT EXISTS (
                 SELECT FROM reservation r
                 WHERE r.tenant_id = $1 AND r.conversation_id = wanted.id AND r.state IN (1, 2))"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(gone)
}

/// Which of some agents, (tenant, agent), are deactivated, while nothing returns what they hold. They stay so until the end of
/// the transaction: a reactivation waits, and ends what this transaction begins.
pub async fn left_alone(connection: &mut Connection, agents: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Uuid)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = agents.iter().copied().unzip();
    let rows = sqlx::query!(
        "SELECT a.tenant_id, a.id
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) JOIN agent a USING (tenant_id, id)
         WHERE a.state = 2 AND NOT EXISTS (
             SELECT FROM operation o
             WHERE o.tenant_id = a.tenant_id AND o.agent_id = a.id AND o.kind = 1 AND o.state = 1)
         ORDER BY a.tenant_id, a.id FOR SHARE OF a",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Forgets operations that ended before `before`.
pub async fn prune(connection: &mut Connection, before: DateTime<Utc>, limit: i64) -> Result<()> {
    sqlx::query!(
        "DELETE FROM operation WHERE (tenant_id, id) IN (
             SELECT tenant_id, id FROM operation WHERE state = 2 AND ended_at < $1
             ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(())
}
