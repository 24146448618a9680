use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::kinds::{IdentityKind, checked};
use crate::domain::model::{Contact, Identity};

/// A verified address on a channel.
pub type Address = (Uuid, IdentityKind, String);

pub(super) fn arrays<'a>(
    addresses: impl IntoIterator<Item = &'a Address>,
) -> (Vec<Uuid>, Vec<i16>, Vec<String>) {
    let (mut channels, mut kinds, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (channel, kind, value) in addresses {
        channels.push(*channel);
        kinds.push(kind.number());
        values.push(value.clone());
    }
    (channels, kinds, values)
}

/// The contacts behind verified addresses. Only canonical contacts have addresses.
pub async fn of_addresses(
    connection: &mut Connection,
    tenant_id: Uuid,
    addresses: &[Address],
) -> Result<Vec<Uuid>> {
    let (channels, kinds, values) = arrays(addresses);
    let ids = sqlx::query_scalar!(
        "SELECT DISTINCT i.contact_id
         FROM unnest($2::uuid[], $3::smallint[], $4::text[]) AS wanted (channel_id, kind, value)
         JOIN contact_identity i ON i.tenant_id = $1 AND i.channel_id = wanted.channel_id
              AND i.kind = wanted.kind AND i.value = wanted.value",
        tenant_id,
        &channels,
        &kinds,
        &values,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Locks contacts in the order of their ids, before their conversations, as every writer does.
pub async fn lock(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "SELECT FROM contact WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        tenant_id,
        ids
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Contacts of any tenants by (tenant, id), with their identities.
pub async fn read(connection: &mut Connection, ids: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Contact)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
    let identities = sqlx::query!(
        r#"SELECT i.tenant_id AS "tenant_id!", i.contact_id AS "contact_id!", kind AS "kind!", value AS "value!",
                  true AS "verified!"
           FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
           JOIN contact_identity i ON i.tenant_id = wanted.tenant_id AND i.contact_id = wanted.id
           UNION ALL
           SELECT i.tenant_id, i.contact_id, kind, value, false
           FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
           JOIN claimed_identity i ON i.tenant_id = wanted.tenant_id AND i.contact_id = wanted.id
           ORDER BY 5 DESC, 3, 4"#,
        &tenants,
        &ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut of_contact: HashMap<(Uuid, Uuid), Vec<Identity>> = HashMap::new();
    for row in identities {
        of_contact.entry((row.tenant_id, row.contact_id)).or_default().push(Identity {
            kind: checked(IdentityKind::from_number(row.kind)),
            value: row.value,
            verified: row.verified,
        });
    }
    let rows = sqlx::query!(
        "SELECT c.tenant_id, c.id, channel_id, canonical_id, customer_id, display_name, created_at, version
         FROM unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id)
         JOIN contact c ON c.tenant_id = wanted.tenant_id AND c.id = wanted.id",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let contact = Contact {
                id: row.id,
                channel_id: row.channel_id,
                canonical_id: row.canonical_id,
                customer_id: row.customer_id,
                display_name: row.display_name,
                created_at: row.created_at,
                version: row.version,
                identities: of_contact.remove(&(row.tenant_id, row.id)).unwrap_or_default(),
            };
            (row.tenant_id, contact)
        })
        .collect())
}

/// Contacts of one tenant.
pub async fn find(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Contact>> {
    let ids: Vec<_> = ids.iter().map(|id| (tenant_id, *id)).collect();
    Ok(read(connection, &ids).await?.into_iter().map(|(_, contact)| contact).collect())
}

/// A page of (tenant, id) pairs after one, for a snapshot.
pub async fn page_ids(
    connection: &mut Connection,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM contact WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Inserts new contacts without their identities.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, contacts: &[&Contact]) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = contacts.iter().map(|contact| contact.id).collect();
    let channels: Vec<Uuid> = contacts.iter().map(|contact| contact.channel_id).collect();
    let customers: Vec<Uuid> = contacts.iter().map(|contact| contact.customer_id).collect();
    let names: Vec<String> = contacts.iter().map(|contact| contact.display_name.clone()).collect();
    let created: Vec<DateTime<Utc>> = contacts.iter().map(|contact| contact.created_at).collect();
    sqlx::query!(
        "INSERT INTO contact (tenant_id, id, channel_id, customer_id, display_name, created_at)
         SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])",
        tenant_id,
        &ids,
        &channels,
        &customers,
        &names,
        &created,
    )
    .execute(&mut *connection)
    .await?;
    // What lists show and sort by until customer-profile tells more.
    sqlx::query!(
        "INSERT INTO customer (tenant_id, id, name, tag_ids, generation, version)
         SELECT $1, n.id, n.name, '{}', 0, 0 FROM unnest($2::uuid[], $3::text[]) AS n (id, name)
         ON CONFLICT (tenant_id, id) DO NOTHING",
        tenant_id,
        &customers,
        &names,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Saves names, versions and canonical pointers of locked contacts. A contact that becomes an alias must have no live
/// conversation any more: the database refuses it.
pub async fn save(connection: &mut Connection, tenant_id: Uuid, contacts: &[&Contact]) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = contacts.iter().map(|contact| contact.id).collect();
    let names: Vec<String> = contacts.iter().map(|contact| contact.display_name.clone()).collect();
    let canonical: Vec<Option<Uuid>> = contacts.iter().map(|contact| contact.canonical_id).collect();
    let versions: Vec<i64> = contacts.iter().map(|contact| contact.version).collect();
    let saved = sqlx::query!(
        "UPDATE contact AS c SET display_name = n.display_name, canonical_id = n.canonical_id, version = n.version
         FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[]) AS n (id, display_name, canonical_id, version)
         WHERE c.tenant_id = $1 AND c.id = n.id",
        tenant_id,
        &ids,
        &names,
        &canonical as &[Option<Uuid>],
        &versions,
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(saved, contacts.len())
}

/// Points the aliases of contacts that became aliases themselves at the new canonical one: never a chain. Answers whom.
pub async fn repoint(
    connection: &mut Connection,
    tenant_id: Uuid,
    pairs: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, i64)>> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let (from, to): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
    let rows = sqlx::query!(
        "UPDATE contact AS c SET canonical_id = n.new, version = c.version + 1
         FROM unnest($2::uuid[], $3::uuid[]) AS n (old, new)
         WHERE c.tenant_id = $1 AND c.canonical_id = n.old RETURNING c.id, c.version",
        tenant_id,
        &from,
        &to,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.version)).collect())
}

/// Moves known addresses to other contacts of their channel.
pub async fn move_addresses(
    connection: &mut Connection,
    tenant_id: Uuid,
    moves: &[(Address, Uuid)],
) -> Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let (channels, kinds, values) = arrays(moves.iter().map(|(address, _)| address));
    let contacts: Vec<Uuid> = moves.iter().map(|(_, contact)| *contact).collect();
    sqlx::query!(
        "UPDATE contact_identity AS i SET contact_id = n.contact_id
         FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::uuid[]) AS n (channel_id, kind, value, contact_id)
         WHERE i.tenant_id = $1 AND i.channel_id = n.channel_id AND i.kind = n.kind AND i.value = n.value",
        tenant_id,
        &channels,
        &kinds,
        &values,
        &contacts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes addresses that were replaced by others of their kind.
pub async fn remove_addresses(
    connection: &mut Connection,
    tenant_id: Uuid,
    addresses: &[Address],
) -> Result<()> {
    if addresses.is_empty() {
        return Ok(());
    }
    let (channels, kinds, values) = arrays(addresses);
    sqlx::query!(
        "DELETE FROM contact_identity AS i
         USING unnest($2::uuid[], $3::smallint[], $4::text[]) AS n (channel_id, kind, value)
         WHERE i.tenant_id = $1 AND i.channel_id = n.channel_id AND i.kind = n.kind AND i.value = n.value",
        tenant_id,
        &channels,
        &kinds,
        &values,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds new addresses. One that another writer added meanwhile is refused by its key: the batch tries again.
pub async fn add_addresses(
    connection: &mut Connection,
    tenant_id: Uuid,
    new: &[(Address, Uuid)],
) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut sorted: Vec<_> = new.iter().collect();
    sorted.sort_unstable();
    let (channels, kinds, values) = arrays(sorted.iter().map(|(address, _)| address));
    let contacts: Vec<Uuid> = sorted.iter().map(|(_, contact)| *contact).collect();
    sqlx::query!(
        "INSERT INTO contact_identity (tenant_id, channel_id, kind, value, contact_id)
         SELECT $1, * FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::uuid[])",
        tenant_id,
        &channels,
        &kinds,
        &values,
        &contacts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds claimed addresses; known ones stay. At most a hundred a contact: a visitor can claim without end.
pub async fn add_claims(
    connection: &mut Connection,
    tenant_id: Uuid,
    claims: &[(Uuid, IdentityKind, String)],
) -> Result<()> {
    if claims.is_empty() {
        return Ok(());
    }
    let (contacts, kinds, values) = arrays(claims);
    sqlx::query!(
        "INSERT INTO claimed_identity (tenant_id, contact_id, kind, value)
         SELECT $1, n.contact_id, n.kind, n.value
         FROM unnest($2::uuid[], $3::smallint[], $4::text[]) AS n (contact_id, kind, value)
         WHERE (SELECT count(*) FROM claimed_identity c WHERE c.tenant_id = $1 AND c.contact_id = n.contact_id) < 100
         ON CONFLICT DO NOTHING",
        tenant_id,
        &contacts,
        &kinds,
        &values,
    )
    .execute(connection)
    .await?;
    Ok(())
}
