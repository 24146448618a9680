use tandem_database::{Connection, Result};
use uuid::Uuid;

/// What is kept of a customer.
#[derive(Debug, Clone)]
pub struct Customer {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub language: String,
    pub tag_ids: Vec<Uuid>,
    /// The contacts that are the customer's.
    pub contact_ids: Vec<Uuid>,
    pub version: i64,
}

/// Keeps the newer of two states.
pub async fn upsert(connection: &mut Connection, generation: i64, customers: &[Customer]) -> Result<()> {
    let tenants: Vec<Uuid> = customers.iter().map(|customer| customer.tenant_id).collect();
    let ids: Vec<Uuid> = customers.iter().map(|customer| customer.id).collect();
    let languages: Vec<&str> = customers.iter().map(|customer| customer.language.as_str()).collect();
    let versions: Vec<i64> = customers.iter().map(|customer| customer.version).collect();
    // Arrays of arrays must be even: the tags come as pairs of whose and which.
    let tags = customers.iter().enumerate().flat_map(|(index, customer)| {
        let place = i32::try_from(index).unwrap_or(i32::MAX);
        customer.tag_ids.iter().map(move |tag_id| (place, *tag_id))
    });
    let (places, tag_ids): (Vec<i32>, Vec<Uuid>) = tags.unzip();
    sqlx::query!(
        "WITH tag AS (
             SELECT place, array_agg(tag_id) AS ids FROM unnest($5::integer[], $6::uuid[]) AS tag (place, tag_id)
             GROUP BY place)
         INSERT INTO customer AS old (tenant_id, id, language, version, tag_ids, generation)
         SELECT new.tenant_id, new.id, new.language, new.version, coalesce(tag.ids, '{}'), $7
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) WITH ORDINALITY
                  AS new (tenant_id, id, language, version, place)
              LEFT JOIN tag ON tag.place = new.place - 1
         ON CONFLICT (tenant_id, id) DO UPDATE
         SET language = EXCLUDED.language, tag_ids = EXCLUDED.tag_ids, version = EXCLUDED.version,
             generation = EXCLUDED.generation
         WHERE (old.generation, old.version) < (EXCLUDED.generation, EXCLUDED.version)",
        &tenants,
        &ids,
        &languages as &[&str],
        &versions,
        &places,
        &tag_ids,
        generation,
    )
    .execute(&mut *connection)
    .await?;
    contacts(connection, generation, customers).await
}

/// Gives contacts to their customers. A contact is one customer's at a time, so what the feed says last is so.
async fn contacts(connection: &mut Connection, generation: i64, customers: &[Customer]) -> Result<()> {
    let mut owned: Vec<(Uuid, Uuid, Uuid)> = customers
        .iter()
        .flat_map(|customer| {
            customer.contact_ids.iter().map(|contact_id| (customer.tenant_id, *contact_id, customer.id))
        })
        .collect();
    // A statement takes each row once.
    owned.sort_unstable();
    owned.dedup_by_key(|(tenant_id, contact_id, _)| (*tenant_id, *contact_id));
    let tenants: Vec<Uuid> = owned.iter().map(|(tenant_id, ..)| *tenant_id).collect();
    let contact_ids: Vec<Uuid> = owned.iter().map(|(_, contact_id, _)| *contact_id).collect();
    let customer_ids: Vec<Uuid> = owned.iter().map(|(.., customer_id)| *customer_id).collect();
    sqlx::query!(
        "INSERT INTO customer_contact (tenant_id, contact_id, customer_id, generation)
         SELECT *, $4 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
         ON CONFLICT (tenant_id, contact_id) DO UPDATE
         SET customer_id = EXCLUDED.customer_id, generation = EXCLUDED.generation",
        &tenants,
        &contact_ids,
        &customer_ids,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets customers that no longer exist.
pub async fn remove(connection: &mut Connection, gone: &[(Uuid, Uuid)]) -> Result<()> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = gone.iter().copied().unzip();
    sqlx::query!(
        "DELETE FROM customer c USING unnest($1::uuid[], $2::uuid[]) AS gone (tenant_id, id)
         WHERE c.tenant_id = gone.tenant_id AND c.id = gone.id",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM customer_contact k USING unnest($1::uuid[], $2::uuid[]) AS gone (tenant_id, id)
         WHERE k.tenant_id = gone.tenant_id AND k.customer_id = gone.id",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes what a rebuild did not see.
pub async fn sweep(connection: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query!("DELETE FROM customer WHERE generation < $1", generation).execute(&mut *connection).await?;
    sqlx::query!("DELETE FROM customer_contact WHERE generation < $1", generation)
        .execute(connection)
        .await?;
    Ok(())
}
