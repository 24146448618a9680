//! Facts, each once, and how many there are of each sort.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::figure::{Fact, Wanted};
use crate::domain::kinds::{FigureGroup, FigureKind, checked};

/// How many facts of one kind and class a group has.
#[derive(Debug, Clone)]
pub struct Count {
    pub key: String,
    pub kind: FigureKind,
    pub class: i16,
    pub count: i64,
}

/// Adds facts that are not known. None of them is counted yet, nor what a rebuild sees again: it counts beside what was counted
/// before it.
pub async fn insert(connection: &mut Connection, generation: i64, facts: &[Fact]) -> Result<()> {
    let tenants: Vec<Uuid> = facts.iter().map(|fact| fact.tenant_id).collect();
    let sources: Vec<Uuid> = facts.iter().map(|fact| fact.source_id).collect();
    let kinds: Vec<i16> = facts.iter().map(|fact| fact.kind.number()).collect();
    let conversations: Vec<Uuid> = facts.iter().map(|fact| fact.conversation_id).collect();
    let epochs: Vec<i64> = facts.iter().map(|fact| fact.epoch).collect();
    let days: Vec<NaiveDate> = facts.iter().map(|fact| fact.day).collect();
    let channels: Vec<Uuid> = facts.iter().map(|fact| fact.channel_id).collect();
    let teams: Vec<Uuid> = facts.iter().map(|fact| fact.team_id.unwrap_or_default()).collect();
    let agents: Vec<Uuid> = facts.iter().map(|fact| fact.agent_id.unwrap_or_default()).collect();
    let ai: Vec<bool> = facts.iter().map(|fact| fact.ai).collect();
    let classes: Vec<i16> = facts.iter().map(|fact| fact.class).collect();
    sqlx::query!(
        "INSERT INTO figure_fact AS old (tenant_id, source_id, kind, conversation_id, epoch, day, channel_id, team_id,
             agent_id, ai, class, generation)
         SELECT *, $12 FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::bigint[], $6::date[],
             $7::uuid[], $8::uuid[], $9::uuid[], $10::boolean[], $11::smallint[])
         ON CONFLICT (tenant_id, source_id, kind) DO UPDATE SET generation = EXCLUDED.generation, counted = false
         WHERE old.generation < EXCLUDED.generation",
        &tenants,
        &sources,
        &kinds,
        &conversations,
        &epochs,
        &days,
        &channels,
        &teams,
        &agents,
        &ai,
        &classes,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts the facts of some conversations that are not counted, as far as all changes of holder up to them are known: in this
/// generation, since a rebuild may find others than were known.
///
/// Since a conversation started or was last reopened: the team in whose queue it was last is that of a response and a close,
/// and the AI handled alone what neither an agent nor a team held.
pub async fn count(
    connection: &mut Connection,
    generation: i64,
    conversations: &BTreeSet<(Uuid, Uuid)>,
) -> Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = conversations.iter().copied().unzip();
    sqlx::query!(
        "WITH known AS (
             SELECT f.tenant_id, f.source_id, f.kind, span.team_id, span.ai_alone
             FROM unnest($1::uuid[], $2::uuid[]) AS touched (tenant_id, conversation_id)
             JOIN figure_fact f ON f.tenant_id = touched.tenant_id AND f.conversation_id = touched.conversation_id
                  AND NOT f.counted AND f.generation = $3
             CROSS JOIN LATERAL (
                 SELECT coalesce(max(b.epoch), 1) AS epoch FROM holder_change b
                 WHERE b.tenant_id = f.tenant_id AND b.conversation_id = f.conversation_id AND b.epoch <= f.epoch
                   AND b.cause IN (1, 8) AND b.generation = $3) AS began
             CROSS JOIN LATERAL (
                 SELECT (array_agg(h.to_id ORDER BY h.epoch DESC) FILTER (WHERE h.to_kind = 3))[1] AS team_id,
                        coalesce(bool_and(h.to_kind NOT IN (2, 3)) AND bool_or(h.to_kind = 1), false) AS ai_alone,
                        count(*) AS changes
                 FROM holder_change h
                 WHERE h.tenant_id = f.tenant_id AND h.conversation_id = f.conversation_id AND h.generation = $3
                   AND h.epoch BETWEEN began.epoch AND f.epoch) AS span
             WHERE span.changes = f.epoch - began.epoch + 1),
         ready AS (
             UPDATE figure_fact f
             SET counted = true,
                 team_id = CASE WHEN f.kind IN (2, 3, 4)
                           THEN coalesce(known.team_id, '00000000-0000-0000-0000-000000000000') ELSE f.team_id END,
                 class = CASE WHEN f.kind = 4 THEN known.ai_alone::integer ELSE f.class END
             FROM known
             WHERE f.tenant_id = known.tenant_id AND f.source_id = known.source_id AND f.kind = known.kind
             RETURNING f.tenant_id, f.day, f.channel_id, f.team_id, f.agent_id, f.ai, f.kind, f.class)
         INSERT INTO figure AS old (tenant_id, generation, day, channel_id, team_id, agent_id, ai, kind, class, count)
         SELECT tenant_id, $3, day, channel_id, team_id, agent_id, ai, kind, class, count(*) FROM ready
         GROUP BY tenant_id, day, channel_id, team_id, agent_id, ai, kind, class
         ORDER BY tenant_id, day, channel_id, team_id, agent_id, ai, kind, class
         ON CONFLICT (tenant_id, generation, day, channel_id, team_id, agent_id, ai, kind, class)
         DO UPDATE SET count = old.count + EXCLUDED.count",
        &tenants,
        &ids,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts of a page of groups, by key, kind and class. While a rebuild counts anew, those of before it.
pub async fn list(connection: &mut Connection, tenant_id: Uuid, wanted: &Wanted) -> Result<Vec<Count>> {
    let rows = sqlx::query!(
        r#"WITH grouped AS (
               SELECT CASE $4::smallint WHEN 1 THEN to_char(day, 'YYYY-MM-DD') WHEN 2 THEN channel_id::text
                      WHEN 3 THEN team_id::text WHEN 4 THEN CASE WHEN ai THEN 'ai' ELSE agent_id::text END ELSE '' END
                          COLLATE "C" AS key,
                      kind, class, sum(count)::bigint AS count
               FROM figure
               WHERE tenant_id = $1 AND generation = (SELECT min(generation) FROM figure WHERE tenant_id = $1)
                 AND day BETWEEN $2 AND $3 AND ($5::uuid[] IS NULL OR channel_id = ANY ($5))
                 AND ($6::uuid[] IS NULL OR team_id = ANY ($6)) AND ($7::uuid[] IS NULL OR agent_id = ANY ($7))
               GROUP BY 1, 2, 3),
           page AS (SELECT DISTINCT key FROM grouped WHERE $8::text IS NULL OR key > $8 ORDER BY key LIMIT $9)
           SELECT key AS "key!", kind AS "kind!", class AS "class!", count AS "count!"
           FROM grouped JOIN page USING (key) ORDER BY key, kind, class"#,
        tenant_id,
        wanted.from,
        wanted.until,
        wanted.group.map_or(0, FigureGroup::number),
        wanted.channel_ids.as_deref(),
        wanted.team_ids.as_deref(),
        wanted.agent_ids.as_deref(),
        wanted.after.as_deref(),
        wanted.limit,
    )
    .fetch_all(connection)
    .await?;
    let counts = rows.into_iter().map(|row| Count {
        key: row.key,
        kind: checked(FigureKind::from_number(row.kind.into())),
        class: row.class,
        count: row.count,
    });
    Ok(counts.collect())
}

/// Removes what a rebuild did not see, and the counts of before it.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM figure_fact WHERE generation < $1", generation)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM figure WHERE generation < $1", generation).execute(connection).await?;
    Ok(())
}
