//! Contacts as conversation told of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::split;
use crate::domain::model::{Contact, Identity, Key};

struct Row {
    tenant_id: Uuid,
    id: Uuid,
    customer_id: Uuid,
    channel_id: Uuid,
    canonical_id: Option<Uuid>,
    display_name: String,
    created_at: DateTime<Utc>,
    identities: Json<Vec<Identity>>,
    generation: i64,
    version: i64,
}

/// A contact with what orders its states.
#[derive(Debug, Clone)]
pub struct Known {
    pub contact: Contact,
    pub generation: i64,
}

impl Row {
    fn known(self) -> (Key, Known) {
        let contact = Contact {
            id: self.id,
            customer_id: self.customer_id,
            channel_id: self.channel_id,
            canonical_id: self.canonical_id,
            display_name: self.display_name,
            created_at: self.created_at,
            identities: self.identities.0,
            version: self.version,
        };
        ((self.tenant_id, self.id), Known { contact, generation: self.generation })
    }
}

/// Contacts by their keys.
pub async fn read(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<BTreeMap<Key, Known>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT tenant_id, id, customer_id, channel_id, canonical_id, display_name, created_at,
                  identities AS "identities: Json<Vec<Identity>>", generation, version
           FROM contact WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Row::known).collect())
}

/// The contacts that were minted with these customers.
pub async fn of_customers(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<Vec<(Uuid, Contact)>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT k.tenant_id, k.id, k.customer_id, k.channel_id, k.canonical_id, k.display_name, k.created_at,
                  k.identities AS "identities: Json<Vec<Identity>>", k.generation, k.version
           FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
           JOIN contact k ON k.tenant_id = s.tenant_id AND k.customer_id = s.id"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Row::known).map(|((tenant, _), known)| (tenant, known.contact)).collect())
}

/// Writes states that are newer than what is there.
pub async fn write(connection: &mut Connection, generation: i64, contacts: &[(Key, Contact)]) -> Result<()> {
    let (tenants, ids) = split(contacts.iter().map(|(key, _)| key));
    let (mut customers, mut channels, mut canonical) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut created, mut identities, mut versions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, contact) in contacts {
        customers.push(contact.customer_id);
        channels.push(contact.channel_id);
        canonical.push(contact.canonical_id);
        names.push(contact.display_name.clone());
        created.push(contact.created_at);
        identities.push(serde_json::to_value(&contact.identities).map_err(Fault::internal)?);
        versions.push(contact.version);
    }
    sqlx::query!(
        "INSERT INTO contact (tenant_id, id, customer_id, channel_id, canonical_id, display_name, created_at,
                              identities, generation, version)
         SELECT n.tenant_id, n.id, n.customer_id, n.channel_id, n.canonical_id, n.display_name, n.created_at,
                n.identities, $10, n.version
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[],
                     $8::jsonb[], $9::bigint[])
              AS n (tenant_id, id, customer_id, channel_id, canonical_id, display_name, created_at, identities, version)
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             customer_id = excluded.customer_id, channel_id = excluded.channel_id,
             canonical_id = excluded.canonical_id, display_name = excluded.display_name,
             created_at = excluded.created_at, identities = excluded.identities,
             generation = excluded.generation, version = excluded.version",
        &tenants,
        &ids,
        &customers,
        &channels,
        &canonical as &[Option<Uuid>],
        &names,
        &created,
        &identities as &[Value],
        &versions,
        generation,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the ids that link contacts over channels anew.
pub async fn link(connection: &mut Connection, contacts: &[(Key, Contact)]) -> Result<()> {
    let (tenants, ids) = split(contacts.iter().map(|(key, _)| key));
    sqlx::query!(
        "DELETE FROM contact_external_id
         WHERE (tenant_id, contact_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    let links: Vec<(Key, &str)> = contacts
        .iter()
        .flat_map(|(key, contact)| contact.external_ids().map(move |value| (*key, value)))
        .collect();
    let (tenants, ids) = split(links.iter().map(|(key, _)| key));
    let values: Vec<String> = links.iter().map(|(_, value)| (*value).to_owned()).collect();
    sqlx::query!(
        "INSERT INTO contact_external_id (tenant_id, value, contact_id)
         SELECT l.tenant_id, l.value, l.contact_id
         FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS l (tenant_id, value, contact_id)
         ON CONFLICT DO NOTHING",
        &tenants,
        &values,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Contacts that a rebuild did not see.
pub async fn older_than(connection: &mut Connection, generation: i64) -> Result<BTreeSet<Key>> {
    let rows = sqlx::query!("SELECT tenant_id, id FROM contact WHERE generation < $1", generation)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Removes contacts. Answers the customers that were minted with them.
pub async fn remove(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<BTreeSet<Key>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        "DELETE FROM contact WHERE (tenant_id, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         RETURNING tenant_id, customer_id",
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.customer_id)).collect())
}
