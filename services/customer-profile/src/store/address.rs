//! What customers are compared by.

use std::collections::BTreeSet;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use sqlx::types::Json;

use super::split;
use crate::domain::address::Address;
use crate::domain::model::{Identity, Key};

/// A contact whose addresses are to be taken.
#[derive(Debug)]
pub struct Pending {
    pub key: Key,
    pub customer_id: Uuid,
    pub version: i64,
    pub identities: Vec<Identity>,
}

/// Writes the addresses of contacts whose rows are locked, as they were in a version; what is so already stays.
pub async fn write(connection: &mut Connection, contacts: &[(Key, i64, Vec<Address>)]) -> Result<()> {
    let (tenants, ids) = split(contacts.iter().map(|(key, ..)| key));
    let versions: Vec<i64> = contacts.iter().map(|(_, version, _)| *version).collect();
    let mut rows = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((tenant, id), _, addresses) in contacts {
        for address in addresses {
            rows.0.push(*tenant);
            rows.1.push(*id);
            rows.2.push(address.kind);
            rows.3.push(address.key.clone());
            rows.4.push(address.sent.clone());
            rows.5.push(address.verified);
        }
    }
    sqlx::query!(
        "WITH done AS (
             UPDATE contact c SET addressed_version = n.version
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (tenant_id, id, version)
             WHERE c.tenant_id = n.tenant_id AND c.id = n.id AND c.addressed_version IS DISTINCT FROM n.version)
         DELETE FROM contact_address a
         WHERE (a.tenant_id, a.contact_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
           AND NOT EXISTS (SELECT 1 FROM unnest($4::uuid[], $5::uuid[], $6::smallint[], $7::text[])
                                         AS k (tenant_id, contact_id, kind, key)
                           WHERE k.tenant_id = a.tenant_id AND k.contact_id = a.contact_id AND k.kind = a.kind
                             AND k.key = a.key)",
        &tenants,
        &ids,
        &versions,
        &rows.0,
        &rows.1,
        &rows.2,
        &rows.3,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO contact_address (tenant_id, contact_id, kind, key, sent, verified)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::boolean[])
         ON CONFLICT (tenant_id, contact_id, kind, key) DO UPDATE
             SET sent = excluded.sent, verified = excluded.verified
             WHERE (contact_address.sent, contact_address.verified) <> (excluded.sent, excluded.verified)",
        &rows.0,
        &rows.1,
        &rows.2,
        &rows.3,
        &rows.4,
        &rows.5,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose contacts have addresses that are not those of their version, among the first that are found.
pub async fn pending_tenants(connection: &mut Connection, limit: i64) -> Result<BTreeSet<Uuid>> {
    let tenants = sqlx::query_scalar!(
        "SELECT tenant_id FROM contact WHERE addressed_version IS DISTINCT FROM version
         ORDER BY tenant_id, id LIMIT $1",
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(tenants.into_iter().collect())
}

/// Contacts whose addresses are not those of their version, locked.
pub async fn pending(
    connection: &mut Connection,
    tenants: &BTreeSet<Uuid>,
    limit: i64,
) -> Result<Vec<Pending>> {
    let tenants: Vec<Uuid> = tenants.iter().copied().collect();
    let rows = sqlx::query!(
        r#"SELECT tenant_id, id, customer_id, version, identities AS "identities: Json<Vec<Identity>>" FROM contact
           WHERE tenant_id = ANY ($1) AND addressed_version IS DISTINCT FROM version
           ORDER BY tenant_id, id LIMIT $2 FOR NO KEY UPDATE"#,
        &tenants,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let pending = rows.into_iter().map(|row| Pending {
        key: (row.tenant_id, row.id),
        customer_id: row.customer_id,
        version: row.version,
        identities: row.identities.0,
    });
    Ok(pending.collect())
}

/// Another customer that has an address of one, or its name and company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub customer_id: Uuid,
    pub other_id: Uuid,
    pub other_channel_ids: Vec<Uuid>,
    /// The number of the identity's kind; 0 for name and company.
    pub kind: i16,
    /// The address as the first customer's channel sent it, or the name.
    pub value: String,
}

/// Addresses of one customer that are compared, and others that are looked at for each.
const MOST: i64 = 20;

/// Who has what customers that stand for themselves have: one match for each other customer and thing.
pub async fn matches(connection: &mut Connection, tenant: Uuid, customers: &[Uuid]) -> Result<Vec<Match>> {
    let rows = sqlx::query_as!(
        Match,
        r#"WITH s AS (SELECT id FROM unnest($2::uuid[]) AS s (id)),
                m AS (
               SELECT s.id AS root_id, s.id FROM s
               UNION ALL
               SELECT s.id, c.id FROM s JOIN customer c ON c.tenant_id = $1 AND c.merged_into = s.id),
                had AS (
               SELECT m.root_id, a.kind, a.key, a.sent
               FROM m JOIN contact k ON k.tenant_id = $1 AND k.customer_id = m.id
               JOIN contact_address a ON a.tenant_id = $1 AND a.contact_id = k.id
               UNION ALL
               SELECT m.root_id, 1::smallint, e.value, e.value
               FROM m JOIN contact k ON k.tenant_id = $1 AND k.customer_id = m.id
               JOIN contact_external_id e ON e.tenant_id = $1 AND e.contact_id = k.id
               UNION ALL
               SELECT m.root_id, a.kind, a.key, a.sent
               FROM m JOIN customer_address a ON a.tenant_id = $1 AND a.customer_id = m.id
               UNION ALL
               SELECT m.root_id, 1::smallint, i.external_id, i.external_id
               FROM m JOIN import_record i ON i.tenant_id = $1 AND i.customer_id = m.id),
                own AS (
               SELECT root_id AS id, kind, key, min(sent) AS sent,
                      row_number() OVER (PARTITION BY root_id ORDER BY kind, key) AS n
               FROM had GROUP BY root_id, kind, key)
           SELECT DISTINCT own.id AS "customer_id!", r.id AS "other_id!", r.channel_ids AS "other_channel_ids!",
                  own.kind AS "kind!", own.sent AS "value!"
           FROM own
           CROSS JOIN LATERAL (
               (SELECT k.customer_id
                FROM contact_address a JOIN contact k ON k.tenant_id = $1 AND k.id = a.contact_id
                WHERE a.tenant_id = $1 AND a.kind = own.kind AND a.key = own.key ORDER BY a.contact_id LIMIT $3)
               UNION ALL
               (SELECT k.customer_id
                FROM contact_external_id e JOIN contact k ON k.tenant_id = $1 AND k.id = e.contact_id
                WHERE own.kind = 1 AND e.tenant_id = $1 AND e.value = own.key ORDER BY e.contact_id LIMIT $3)
               UNION ALL
               (SELECT a.customer_id FROM customer_address a
                WHERE a.tenant_id = $1 AND a.kind = own.kind AND a.key = own.key ORDER BY a.customer_id LIMIT $3)
               UNION ALL
               SELECT i.customer_id FROM import_record i
               WHERE own.kind = 1 AND i.tenant_id = $1 AND i.external_id = own.key
           ) AS b
           JOIN customer c ON c.tenant_id = $1 AND c.id = b.customer_id
           JOIN customer r ON r.tenant_id = $1 AND r.id = coalesce(c.merged_into, c.id)
           WHERE own.n <= $3 AND r.id <> own.id
           UNION ALL
           SELECT s.id, o.id, o.channel_ids, 0::smallint, c.name
           FROM s JOIN customer c ON c.tenant_id = $1 AND c.id = s.id AND c.merged_into IS NULL
                                 AND c.company <> '' AND c.name <> ''
           CROSS JOIN LATERAL (
               SELECT o.id, o.channel_ids FROM customer o
               WHERE o.tenant_id = $1 AND o.merged_into IS NULL AND o.company <> '' AND o.name <> ''
                 AND lower(o.company COLLATE "und-x-icu") = lower(c.company COLLATE "und-x-icu")
                 AND lower(o.name COLLATE "und-x-icu") = lower(c.name COLLATE "und-x-icu")
                 AND o.id <> c.id LIMIT $3
           ) AS o"#,
        tenant,
        customers,
        MOST,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
