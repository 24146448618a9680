//! How many conversations got a label, or began with a customer of a tag, by day and channel.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::label::figures::{Figures, Place, Wanted};

/// Of the changes of labels that a day saw so far, those whose (conversation, label) was put on: under whichever id the
/// label had before it was merged. Reads the conversations' entries of that day.
pub async fn put_on_since(
    connection: &mut Connection,
    tenant_id: Uuid,
    day: NaiveDate,
    pairs: &BTreeSet<(Uuid, Uuid)>,
) -> Result<BTreeSet<(Uuid, Uuid)>> {
    if pairs.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (conversations, labels): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
    let begins = day.and_time(NaiveTime::MIN).and_utc();
    let rows = sqlx::query!(
        r#"SELECT n.conversation_id AS "conversation_id!", n.label_id AS "label_id!"
           FROM unnest($2::uuid[], $3::uuid[]) AS n (conversation_id, label_id)
           WHERE EXISTS (
               SELECT FROM timeline t
               WHERE t.tenant_id = $1 AND t.conversation_id = n.conversation_id AND t.id >= $4
                 AND t.event ->> 'event' = 'labels_changed' AND t.event -> 'added' ?| ARRAY(
                     SELECT l.id::text FROM label l
                     WHERE l.tenant_id = $1 AND (l.id = n.label_id OR l.merged_into = n.label_id)))"#,
        tenant_id,
        &conversations,
        &labels,
        first_id(begins),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row.label_id)).collect())
}

/// The least id of a time: ids begin with their milliseconds.
fn first_id(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}

/// Appends what a transaction changed of a day's labels, by channel and label.
pub async fn change(
    connection: &mut Connection,
    tenant_id: Uuid,
    day: NaiveDate,
    changes: &BTreeMap<(Uuid, Uuid), i64>,
) -> Result<()> {
    let changes: Vec<(&(Uuid, Uuid), i64)> =
        changes.iter().map(|(key, by)| (key, *by)).filter(|(_, by)| *by != 0).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let channels: Vec<Uuid> = changes.iter().map(|((channel, _), _)| *channel).collect();
    let labels: Vec<Uuid> = changes.iter().map(|((_, label), _)| *label).collect();
    let by: Vec<i64> = changes.iter().map(|(_, by)| *by).collect();
    sqlx::query!(
        "INSERT INTO label_figure_change (tenant_id, kind, day, channel_id, label_id, conversations)
         SELECT $1, 1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::bigint[])",
        tenant_id,
        day,
        &channels,
        &labels,
        &by,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Appends that conversations of contacts began, for every tag that their customers are known to have.
pub async fn began(
    connection: &mut Connection,
    tenant_id: Uuid,
    day: NaiveDate,
    channel_ids: &[Uuid],
    contact_ids: &[Uuid],
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO label_figure_change (tenant_id, kind, day, channel_id, label_id, conversations)
         SELECT $1, 2, $2, n.channel_id, tag.id, count(*)
         FROM unnest($3::uuid[], $4::uuid[]) AS n (channel_id, contact_id)
         JOIN contact k ON k.tenant_id = $1 AND k.id = n.contact_id
         LEFT JOIN contact_customer linked ON linked.tenant_id = $1 AND linked.contact_id = k.id
         JOIN customer ON customer.tenant_id = $1 AND customer.id = coalesce(linked.customer_id, k.customer_id)
         LEFT JOIN customer survivor ON survivor.tenant_id = $1 AND survivor.id = customer.merged_into
         CROSS JOIN LATERAL (SELECT DISTINCT unnest(coalesce(survivor.tag_ids, customer.tag_ids)) AS id) AS tag
         GROUP BY n.channel_id, tag.id",
        tenant_id,
        day,
        channel_ids,
        contact_ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Folds the oldest changes that no other replica folds at this moment. Answers how many there were.
pub async fn fold(connection: &mut Connection, limit: i64) -> Result<i64> {
    // In the order of the key: two replicas that meet in a row wait for one another, and never in a ring.
    let folded = sqlx::query_scalar!(
        r#"WITH taken AS (
             SELECT tenant_id, number FROM label_figure_change ORDER BY tenant_id, number LIMIT $1
             FOR UPDATE SKIP LOCKED),
           gone AS (
             DELETE FROM label_figure_change c USING taken
             WHERE c.tenant_id = taken.tenant_id AND c.number = taken.number
             RETURNING c.tenant_id, c.kind, c.day, c.channel_id, c.label_id, c.conversations),
           folded AS (
             INSERT INTO label_figure AS f (tenant_id, kind, day, channel_id, label_id, conversations)
             SELECT tenant_id, kind, day, channel_id, label_id, sum(conversations) FROM gone
             GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
             ON CONFLICT (tenant_id, kind, day, channel_id, label_id)
             DO UPDATE SET conversations = f.conversations + excluded.conversations)
           SELECT count(*) AS "folded!" FROM gone"#,
        limit
    )
    .fetch_one(connection)
    .await?;
    Ok(folded)
}

/// One page, most first. Adds up what is folded and what is not in one statement, so that nothing counts twice.
pub async fn list(connection: &mut Connection, tenant_id: Uuid, wanted: &Wanted) -> Result<Vec<Figures>> {
    let after =
        wanted.after.unwrap_or(Place { conversations: i64::MAX, previous: i64::MAX, id: Uuid::max() });
    let rows = sqlx::query!(
        r#"WITH meant AS MATERIALIZED (
             SELECT id, merged_into, false AS deleted, name FROM label WHERE tenant_id = $1 AND $2::smallint = 1
             UNION ALL
             SELECT id, merged_into, deleted, '' FROM customer_tag WHERE tenant_id = $1 AND $2::smallint = 2),
           figure AS (
             SELECT coalesce(m.merged_into, f.label_id) AS id, f.day, sum(f.conversations)::bigint AS n
             FROM (
               SELECT label_id, day, conversations FROM label_figure
               WHERE tenant_id = $1 AND kind = $2 AND day BETWEEN $3 AND $5
                 AND ($6::uuid[] IS NULL OR channel_id = ANY($6))
               UNION ALL
               SELECT label_id, day, conversations FROM label_figure_change
               WHERE tenant_id = $1 AND kind = $2 AND day BETWEEN $3 AND $5
                 AND ($6::uuid[] IS NULL OR channel_id = ANY($6))) AS f
             LEFT JOIN meant m ON m.id = f.label_id
             WHERE m.deleted IS NOT TRUE
             GROUP BY 1, 2),
           page AS (
             SELECT id, coalesce(sum(n) FILTER (WHERE day >= $4), 0)::bigint AS conversations,
                    coalesce(sum(n) FILTER (WHERE day < $4), 0)::bigint AS previous
             FROM figure GROUP BY id),
           shown AS (
             SELECT * FROM page
             WHERE (conversations > 0 OR previous > 0) AND (conversations, previous, id) < ($7, $8, $9)
             ORDER BY conversations DESC, previous DESC, id DESC LIMIT $10)
           SELECT shown.id AS "id!", coalesce(meant.name, '') AS "name!", shown.conversations AS "conversations!",
                  shown.previous AS "previous!", array_agg(figure.day) AS "days!", array_agg(figure.n) AS "daily!"
           FROM shown JOIN figure ON figure.id = shown.id
           LEFT JOIN meant ON meant.id = shown.id
           GROUP BY 1, 2, 3, 4 ORDER BY shown.conversations DESC, shown.previous DESC, shown.id DESC"#,
        tenant_id,
        wanted.kind.number(),
        wanted.days.before(),
        wanted.days.from,
        wanted.days.until,
        wanted.channel_ids.as_deref() as Option<&[Uuid]>,
        after.conversations,
        after.previous,
        after.id,
        wanted.limit,
    )
    .fetch_all(connection)
    .await?;
    let figures = rows.into_iter().map(|row| Figures {
        id: row.id,
        name: row.name,
        conversations: row.conversations,
        previous: row.previous,
        daily: wanted.days.spread(row.days.into_iter().zip(row.daily)),
    });
    Ok(figures.collect())
}
