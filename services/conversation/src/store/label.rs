use tandem_database::{Connection, Result};
use uuid::Uuid;

/// A label that conversations carry by id.
#[derive(Debug, Clone)]
pub struct Label {
    pub id: Uuid,
    pub name: String,
    /// What is compared: the name in lower case.
    pub folded: String,
}

/// Inserts labels whose names are new; a racing writer's stands.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, labels: &[Label]) -> Result<()> {
    let ids: Vec<Uuid> = labels.iter().map(|label| label.id).collect();
    let names: Vec<String> = labels.iter().map(|label| label.name.clone()).collect();
    let folded: Vec<String> = labels.iter().map(|label| label.folded.clone()).collect();
    sqlx::query!(
        "INSERT INTO label (tenant_id, id, name, folded)
         SELECT $1, n.id, n.name, n.folded FROM unnest($2::uuid[], $3::text[], $4::text[]) AS n (id, name, folded)
         ORDER BY n.folded ON CONFLICT (tenant_id, folded) DO NOTHING",
        tenant_id,
        &ids,
        &names,
        &folded,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn by_folded(
    connection: &mut Connection,
    tenant_id: Uuid,
    folded: &[String],
) -> Result<Vec<Label>> {
    let labels = sqlx::query_as!(
        Label,
        "SELECT id, name, folded FROM label WHERE tenant_id = $1 AND folded = ANY($2)",
        tenant_id,
        folded,
    )
    .fetch_all(connection)
    .await?;
    Ok(labels)
}

/// All labels by name; at most 1,000, the tenant's limit.
pub async fn all(connection: &mut Connection, tenant_id: Uuid) -> Result<Vec<Label>> {
    let labels = sqlx::query_as!(
        Label,
        "SELECT id, name, folded FROM label WHERE tenant_id = $1 ORDER BY folded LIMIT 1000",
        tenant_id,
    )
    .fetch_all(connection)
    .await?;
    Ok(labels)
}
