use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{AgentState, Presence, checked};
use crate::domain::model::{ReturnRule, There};

/// A heartbeat: the agent is there until `expires_at`. Since when it is that lasts over heartbeats without a gap. An absence
/// that has returned the agent's work already does not return it again. Answers since when.
pub async fn beat(
    connection: &mut Connection,
    (tenant_id, agent_id): (Uuid, Uuid),
    presence: Presence,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
    rule: ReturnRule,
) -> Result<DateTime<Utc>> {
    let away_after_s = rule.away_after_s.filter(|_| presence == Presence::Away);
    let since = sqlx::query_scalar!(
        "INSERT INTO presence AS old (tenant_id, agent_id, status, since, expires_at, return_at)
         VALUES ($1, $2, $3, $4, $5, LEAST($4::timestamptz + make_interval(secs => $6::integer),
                                           $5::timestamptz + make_interval(secs => $7::integer)))
         ON CONFLICT (tenant_id, agent_id) DO UPDATE
         SET status = EXCLUDED.status, expires_at = EXCLUDED.expires_at,
             since = CASE WHEN old.status = $3 AND old.expires_at > $4 THEN old.since ELSE $4 END,
             return_at = CASE WHEN old.status = $3 AND old.expires_at > $4 THEN LEAST(
                 CASE WHEN old.since + make_interval(secs => $6) > $4 THEN old.since + make_interval(secs => $6)
                      WHEN old.return_at <= $4 AND $6 IS NOT NULL THEN old.return_at END,
                 $5 + make_interval(secs => $7)) ELSE EXCLUDED.return_at END
         RETURNING since",
        tenant_id,
        agent_id,
        presence.number(),
        now,
        expires_at,
        away_after_s,
        rule.offline_after_s,
    )
    .fetch_one(connection)
    .await?;
    Ok(since)
}

/// The agent is offline from now on. Who was offline already stays so since then, and what was due to return stays due.
/// Answers since when.
pub async fn leave(
    connection: &mut Connection,
    (tenant_id, agent_id): (Uuid, Uuid),
    now: DateTime<Utc>,
    rule: ReturnRule,
) -> Result<DateTime<Utc>> {
    let since = sqlx::query_scalar!(
        "INSERT INTO presence AS old (tenant_id, agent_id, status, since, expires_at) VALUES ($1, $2, 4, $3, $3)
         ON CONFLICT (tenant_id, agent_id) DO UPDATE
         SET status = 4, expires_at = LEAST(old.expires_at, $3),
             since = CASE WHEN old.status = 4 THEN old.since ELSE LEAST(old.expires_at, $3) END,
             return_at = CASE WHEN old.status = 4 OR old.expires_at <= $3 THEN old.return_at
                              ELSE LEAST(CASE WHEN old.status = 3 THEN old.return_at END,
                                         $3 + make_interval(secs => $4::integer)) END
         RETURNING since",
        tenant_id,
        agent_id,
        now,
        rule.offline_after_s,
    )
    .fetch_one(connection)
    .await?;
    Ok(since)
}

/// Some agents as they are at `now`, in the order of their ids; who does not exist is left out.
pub async fn list(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<There>> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.state, p.status AS "status?", p.since AS "since?", p.expires_at AS "expires_at?"
           FROM agent a LEFT JOIN presence p ON p.tenant_id = a.tenant_id AND p.agent_id = a.id
           WHERE a.tenant_id = $1 AND a.id = ANY ($2) ORDER BY a.id"#,
        tenant_id,
        agent_ids,
    )
    .fetch_all(connection)
    .await?;
    let there = rows.into_iter().map(|row| {
        let status = row.status.map(|status| checked(Presence::from_number(status.into())));
        let active = checked(AgentState::from_number(row.state.into())) == AgentState::Active;
        match (status, row.expires_at) {
            (Some(presence), Some(expires_at))
                if active && presence != Presence::Offline && expires_at > now =>
            {
                There { agent_id: row.id, presence, since: row.since, expires_at: row.expires_at }
            }
            (status, expires_at) => {
                let since = if status == Some(Presence::Offline) { row.since } else { expires_at };
                There { agent_id: row.id, presence: Presence::Offline, since, expires_at: None }
            }
        }
    });
    Ok(there.collect())
}

/// Forgets that an agent was there.
pub async fn remove(connection: &mut Connection, tenant_id: Uuid, agent_id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM presence WHERE tenant_id = $1 AND agent_id = $2", tenant_id, agent_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes agents whose work is due to return at `now`, longest due first: from this transaction on it is not due any more.
/// Answers the tenant's and the agent's id of those who hold something, or are about to.
pub async fn take_due(
    connection: &mut Connection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        r#"UPDATE presence p SET return_at = NULL
           FROM (SELECT tenant_id, agent_id FROM presence
                 WHERE return_at IS NOT NULL AND return_at <= $1
                   AND NOT EXISTS (SELECT FROM tenant s WHERE s.id = presence.tenant_id AND s.suspended)
                   -- What is on its way to the agent is waited for, so that it returns with the rest.
                   AND NOT EXISTS (SELECT FROM reservation r
                                   WHERE r.tenant_id = presence.tenant_id AND r.agent_id = presence.agent_id
                                     AND r.state = 1)
                 ORDER BY return_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
           WHERE p.tenant_id = due.tenant_id AND p.agent_id = due.agent_id
           RETURNING p.tenant_id, p.agent_id,
               (EXISTS (SELECT FROM conversation c
                        WHERE c.tenant_id = p.tenant_id AND c.holder_id = p.agent_id AND c.holder_kind = 2
                          AND c.status <> 4)
                OR EXISTS (SELECT FROM reservation r
                           WHERE r.tenant_id = p.tenant_id AND r.agent_id = p.agent_id AND r.state = 2)) AS "holds!""#,
        now,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter(|row| row.holds).map(|row| (row.tenant_id, row.agent_id)).collect())
}
