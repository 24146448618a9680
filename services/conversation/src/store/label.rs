use std::collections::{BTreeMap, BTreeSet, HashMap};

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// A label that conversations carry by id.
#[derive(Debug, Clone)]
pub struct Label {
    pub id: Uuid,
    pub name: String,
    /// What is compared: the name in lower case.
    pub folded: String,
    pub version: i64,
    /// Conversations that carry it; at least so many where `exact` is false.
    pub conversations: i64,
    pub exact: bool,
}

/// A name, and the label that it stands for: of a merged one the label that stayed.
#[derive(Debug, Clone)]
pub struct Named {
    pub folded: String,
    pub label_id: Uuid,
}

/// Holds a tenant's labels as they are until the transaction ends: whoever puts labels on or takes them off holds them
/// together with others. Taken before any row is locked.
pub async fn hold(connection: &mut Connection, tenant_id: Uuid) -> Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('label ' || $1::uuid::text, 0))",
        tenant_id
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Holds a tenant's labels alone, to merge some. Taken before any row is locked.
pub async fn hold_alone(connection: &mut Connection, tenant_id: Uuid) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('label ' || $1::uuid::text, 0))", tenant_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts labels whose names are new; a racing writer's stands.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, labels: &[Label]) -> Result<()> {
    let ids: Vec<Uuid> = labels.iter().map(|label| label.id).collect();
    let names: Vec<String> = labels.iter().map(|label| label.name.clone()).collect();
    let folded: Vec<String> = labels.iter().map(|label| label.folded.clone()).collect();
    let inserted = sqlx::query_scalar!(
        "INSERT INTO label (tenant_id, id, name, folded)
         SELECT $1, n.id, n.name, n.folded FROM unnest($2::uuid[], $3::text[], $4::text[]) AS n (id, name, folded)
         ORDER BY n.folded ON CONFLICT (tenant_id, folded) DO NOTHING RETURNING id",
        tenant_id,
        &ids,
        &names,
        &folded,
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO label_count (tenant_id, label_id, conversations) SELECT $1, n.id, 0 FROM unnest($2::uuid[]) AS n (id)",
        tenant_id,
        &inserted,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What names stand for.
pub async fn by_folded(
    connection: &mut Connection,
    tenant_id: Uuid,
    folded: &[String],
) -> Result<Vec<Named>> {
    let named = sqlx::query_as!(
        Named,
        r#"SELECT folded, coalesce(merged_into, id) AS "label_id!" FROM label WHERE tenant_id = $1 AND folded = ANY($2)"#,
        tenant_id,
        folded,
    )
    .fetch_all(connection)
    .await?;
    Ok(named)
}

/// All labels by name, without those that became others; at most 1,000, the tenant's limit.
pub async fn all(connection: &mut Connection, tenant_id: Uuid) -> Result<Vec<Label>> {
    let labels = sqlx::query_as!(
        Label,
        r#"SELECT l.id, l.name, l.folded, l.version, coalesce(c.conversations, 0) AS "conversations!",
                coalesce(c.exact, true) AS "exact!"
         FROM label l LEFT JOIN label_count c ON c.tenant_id = l.tenant_id AND c.label_id = l.id
         WHERE l.tenant_id = $1 AND l.merged_into IS NULL ORDER BY l.folded LIMIT 1000"#,
        tenant_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(labels)
}

/// The label that an id stands for: a merged one's is the one that stayed.
pub async fn find(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Label>> {
    let label = sqlx::query_as!(
        Label,
        r#"SELECT l.id, l.name, l.folded, l.version, coalesce(c.conversations, 0) AS "conversations!",
                coalesce(c.exact, true) AS "exact!"
         FROM label asked
         JOIN label l ON l.tenant_id = asked.tenant_id AND l.id = coalesce(asked.merged_into, asked.id)
         LEFT JOIN label_count c ON c.tenant_id = l.tenant_id AND c.label_id = l.id
         WHERE asked.tenant_id = $1 AND asked.id = $2"#,
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(label)
}

/// The labels that ids stand for: a merged one's is the one that stayed. Unknown ids are left out.
pub async fn by_ids(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Uuid>> {
    let rows = sqlx::query!(
        r#"SELECT id, coalesce(merged_into, id) AS "label_id!" FROM label WHERE tenant_id = $1 AND id = ANY($2)"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.label_id)).collect())
}

/// Renames a label of a version: one row. False when it has another version by now. The name may be taken:
/// `label_tenant_id_folded_key`.
pub async fn rename(
    connection: &mut Connection,
    tenant_id: Uuid,
    label: &Label,
    name: &str,
    folded: &str,
) -> Result<bool> {
    let renamed = sqlx::query!(
        "UPDATE label SET name = $4, folded = $5, version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND version = $3 AND merged_into IS NULL",
        tenant_id,
        label.id,
        label.version,
        name,
        folded,
    )
    .execute(connection)
    .await?;
    Ok(renamed.rows_affected() == 1)
}

/// For each id every id that stands for the same label, itself included; for an unknown id itself alone.
pub async fn groups(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    let mut groups: HashMap<Uuid, Vec<Uuid>> = ids.iter().map(|id| (*id, vec![*id])).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.id AS "asked!", member.id AS "member!" FROM label asked
         JOIN label member ON member.tenant_id = asked.tenant_id
              AND (member.id = coalesce(asked.merged_into, asked.id)
                   OR member.merged_into = coalesce(asked.merged_into, asked.id))
         WHERE asked.tenant_id = $1 AND asked.id = ANY($2) AND member.id <> asked.id ORDER BY member.id"#,
        tenant_id,
        ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        groups.entry(row.asked).or_default().push(row.member);
    }
    Ok(groups)
}

/// Lets a label and all that became it before stand for another. No conversation is touched.
pub async fn merge(
    connection: &mut Connection,
    tenant_id: Uuid,
    going: &[Uuid],
    staying: Uuid,
) -> Result<()> {
    let merged = sqlx::query!(
        "UPDATE label SET merged_into = $3, version = version + 1 WHERE tenant_id = $1 AND id = ANY($2)",
        tenant_id,
        going,
        staying,
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(merged, going.len())
}

/// How many conversations carry a label of each of two groups. Reads the conversations of the smaller one: the caller
/// knows how many these are.
pub async fn in_both(
    connection: &mut Connection,
    tenant_id: Uuid,
    small: &[Uuid],
    large: &[Uuid],
) -> Result<i64> {
    let both = sqlx::query_scalar!(
        r#"SELECT count(*) AS "both!" FROM conversation
         WHERE tenant_id = $1 AND label_ids <> '{}' AND label_ids && $2 AND label_ids && $3"#,
        tenant_id,
        small,
        large,
    )
    .fetch_one(connection)
    .await?;
    Ok(both)
}

/// Sets what a label's count is after a merge.
pub async fn set_count(
    connection: &mut Connection,
    tenant_id: Uuid,
    label_id: Uuid,
    conversations: i64,
    exact: bool,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO label_count (tenant_id, label_id, conversations, exact) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, label_id) DO UPDATE SET conversations = excluded.conversations, exact = excluded.exact",
        tenant_id,
        label_id,
        conversations,
        exact,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds to counts, locked in the order of their ids: after conversations, in every writer.
pub async fn count(connection: &mut Connection, tenant_id: Uuid, deltas: &BTreeMap<Uuid, i64>) -> Result<()> {
    let (ids, deltas): (Vec<Uuid>, Vec<i64>) = deltas.iter().filter(|(_, delta)| **delta != 0).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "SELECT FROM label_count WHERE tenant_id = $1 AND label_id = ANY($2) ORDER BY label_id FOR NO KEY UPDATE",
        tenant_id,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE label_count c SET conversations = greatest(c.conversations + n.delta, 0)
         FROM unnest($2::uuid[], $3::bigint[]) AS n (id, delta) WHERE c.tenant_id = $1 AND c.label_id = n.id",
        tenant_id,
        &ids,
        &deltas,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces ids of merged labels by the labels that stayed, each once, in lists of (tenant, label ids).
pub async fn resolve<'a>(
    connection: &mut Connection,
    carried: impl IntoIterator<Item = (Uuid, &'a mut Vec<Uuid>)>,
) -> Result<()> {
    let carried: Vec<(Uuid, &mut Vec<Uuid>)> =
        carried.into_iter().filter(|(_, labels)| !labels.is_empty()).collect();
    if carried.is_empty() {
        return Ok(());
    }
    let pairs: BTreeSet<(Uuid, Uuid)> =
        carried.iter().flat_map(|(tenant, labels)| labels.iter().map(|label| (*tenant, *label))).collect();
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = pairs.into_iter().unzip();
    let rows = sqlx::query!(
        r#"SELECT l.tenant_id, l.id, l.merged_into AS "merged_into!"
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
         JOIN label l ON l.tenant_id = wanted.tenant_id AND l.id = wanted.id WHERE l.merged_into IS NOT NULL"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let merged: HashMap<(Uuid, Uuid), Uuid> =
        rows.into_iter().map(|row| ((row.tenant_id, row.id), row.merged_into)).collect();
    if merged.is_empty() {
        return Ok(());
    }
    for (tenant, labels) in carried {
        let mut seen = BTreeSet::new();
        for label in labels.iter_mut() {
            *label = merged.get(&(tenant, *label)).copied().unwrap_or(*label);
        }
        labels.retain(|label| seen.insert(*label));
    }
    Ok(())
}
