//! What agents and teams have in hand: read from the projection of conversations by its indexes, bounded for each.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::load::{AgentLoad, TeamLoad};
use crate::domain::model::MOST_HELD;

/// Active agents after an id, in the order of their ids.
pub async fn agents(
    connection: &mut Connection,
    tenant_id: Uuid,
    after: Uuid,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<AgentLoad>> {
    let agents = sqlx::query_as!(
        AgentLoad,
        r#"SELECT a.id AS agent_id, a.display_name AS name, a.capacity, load.held AS "held!", load.waiting AS "waiting!",
                  load.overdue AS "overdue!"
           FROM (SELECT id, display_name, capacity FROM agent
                 WHERE tenant_id = $1 AND state = 1 AND id > $2 ORDER BY id LIMIT $3) AS a
           CROSS JOIN LATERAL (
               SELECT count(*) AS held, count(waiting_since) AS waiting, count(*) FILTER (WHERE due_at <= $4) AS overdue
               FROM (SELECT c.waiting_since, c.due_at FROM conversation c
                     WHERE c.tenant_id = $1 AND c.holder_id = a.id AND c.holder_kind = 2 AND c.status <> 4
                     LIMIT $5) AS held) AS load
           ORDER BY a.id"#,
        tenant_id,
        after,
        limit,
        now,
        i64::from(MOST_HELD),
    )
    .fetch_all(connection)
    .await?;
    Ok(agents)
}

/// Teams after an id, in the order of their ids. The queue's index is in the order of priorities, so the one that has been
/// there longest is the earliest of each priority's first.
pub async fn teams(
    connection: &mut Connection,
    tenant_id: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<TeamLoad>> {
    let teams = sqlx::query_as!(
        TeamLoad,
        r#"SELECT t.id AS team_id, t.display_name AS name, queue.queued AS "queued!", oldest.since AS oldest_since
           FROM (SELECT id, display_name FROM team WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS t
           CROSS JOIN LATERAL (
               SELECT count(*) AS queued
               FROM (SELECT FROM conversation c
                     WHERE c.tenant_id = $1 AND c.holder_id = t.id AND c.holder_kind = 3 AND c.status IN (1, 2)
                     LIMIT $4) AS queued) AS queue
           CROSS JOIN LATERAL (
               SELECT min(first.holder_since) AS since
               FROM unnest(ARRAY [1, 2, 3, 4]::smallint[]) AS of (priority)
               CROSS JOIN LATERAL (
                   SELECT c.holder_since FROM conversation c
                   WHERE c.tenant_id = $1 AND c.holder_id = t.id AND c.holder_kind = 3 AND c.status IN (1, 2)
                     AND c.priority = of.priority
                   ORDER BY c.holder_since LIMIT 1) AS first) AS oldest
           ORDER BY t.id"#,
        tenant_id,
        after,
        limit,
        i64::from(MOST_HELD),
    )
    .fetch_all(connection)
    .await?;
    Ok(teams)
}
