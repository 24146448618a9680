//! Records of imports: what they said, whose they are, and which were erased.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::address::Address;
use crate::domain::import::{Effect, Plan, Said, State, Text};
use crate::domain::model::Key;

/// A record that was imported before.
#[derive(Debug)]
pub struct Known {
    pub customer_id: Uuid,
    /// Who stands for that customer.
    pub root_id: Uuid,
    pub said: Said,
}

/// Records by their ids.
pub async fn known(
    connection: &mut Connection,
    tenant: Uuid,
    external_ids: &[String],
) -> Result<BTreeMap<String, Known>> {
    let rows = sqlx::query!(
        r#"SELECT i.external_id, i.customer_id, coalesce(c.merged_into, c.id) AS "root_id!", i.said AS "said: Json<Said>"
           FROM import_record i JOIN customer c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
           WHERE i.tenant_id = $1 AND i.external_id = ANY ($2)"#,
        tenant,
        external_ids,
    )
    .fetch_all(connection)
    .await?;
    let known = |row: (Uuid, Uuid, Said)| Known { customer_id: row.0, root_id: row.1, said: row.2 };
    Ok(rows
        .into_iter()
        .map(|row| (row.external_id, known((row.customer_id, row.root_id, row.said.0))))
        .collect())
}

/// Those of the ids whose customers were erased.
pub async fn erased(
    connection: &mut Connection,
    tenant: Uuid,
    external_ids: &[String],
) -> Result<HashSet<String>> {
    let erased = sqlx::query_scalar!(
        r#"SELECT e.id AS "id!"
           FROM unnest($2::text[]) AS e (id)
           JOIN import_key k ON k.tenant_id = $1
           JOIN import_tombstone t ON t.tenant_id = $1
                AND t.hash = sha256(convert_to(k.key::text || e.id, 'UTF8'))"#,
        tenant,
        external_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(erased.into_iter().collect())
}

/// What those say who stand for customers: their own word first, then that of those merged into them, by id.
pub async fn states(connection: &mut Connection, roots: &BTreeSet<Key>) -> Result<BTreeMap<Uuid, State>> {
    let (tenants, ids) = split(roots);
    let rows = sqlx::query!(
        r#"WITH member AS (
               SELECT s.tenant_id, s.id AS root_id, c.id, c.corrected_name, c.language, c.time_zone, c.company,
                      c.said_category, c.said_attributes
               FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
               CROSS JOIN LATERAL (
                   SELECT * FROM customer WHERE tenant_id = s.tenant_id AND id = s.id
                   UNION ALL
                   SELECT * FROM customer WHERE tenant_id = s.tenant_id AND merged_into = s.id) AS c),
           said AS (
               SELECT DISTINCT ON (m.root_id, e.key) m.root_id, e.key, coalesce(e.value, '') AS value
               FROM member m CROSS JOIN LATERAL jsonb_each_text(m.said_attributes) AS e
               ORDER BY m.root_id, e.key, m.id <> m.root_id, m.id),
           had AS (SELECT root_id, jsonb_object_agg(key, value) AS attributes FROM said GROUP BY root_id)
           SELECT m.root_id AS "root_id!",
                  (array_agg(m.corrected_name ORDER BY m.id <> m.root_id, m.id)
                   FILTER (WHERE m.corrected_name IS NOT NULL))[1] AS display_name,
                  (array_agg(m.language ORDER BY m.id <> m.root_id, m.id) FILTER (WHERE m.language IS NOT NULL))[1] AS language,
                  (array_agg(m.time_zone ORDER BY m.id <> m.root_id, m.id) FILTER (WHERE m.time_zone IS NOT NULL))[1] AS time_zone,
                  (array_agg(m.company ORDER BY m.id <> m.root_id, m.id) FILTER (WHERE m.company IS NOT NULL))[1] AS company,
                  (array_agg(m.said_category ORDER BY m.id <> m.root_id, m.id)
                   FILTER (WHERE m.said_category IS NOT NULL))[1] AS category,
                  had.attributes AS "attributes?: Json<BTreeMap<Uuid, String>>"
           FROM member m LEFT JOIN had ON had.root_id = m.root_id
           GROUP BY m.root_id, had.attributes"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let states = rows.into_iter().map(|row| {
        let texts = [
            (Text::DisplayName, row.display_name),
            (Text::Language, row.language),
            (Text::TimeZone, row.time_zone),
            (Text::Company, row.company),
            (Text::Category, row.category),
        ];
        let texts = texts.into_iter().filter_map(|(text, value)| Some((text, value?))).collect();
        (row.root_id, State { texts, attributes: row.attributes.map(|json| json.0).unwrap_or_default() })
    });
    Ok(states.collect())
}

/// What records write.
#[derive(Debug, Default)]
pub struct Writes {
    created: Vec<Uuid>,
    /// By who stands for the customer: the last word of each field.
    states: BTreeMap<Uuid, State>,
    records: Vec<(String, Uuid, Said)>,
    addresses: BTreeMap<(Uuid, i16), Vec<Address>>,
    touched: BTreeSet<Uuid>,
}

impl Writes {
    /// Adds a record with its customer and who stands for it.
    pub fn add(&mut self, external_id: String, (customer, root): (Uuid, Uuid), plan: Plan, effect: Effect) {
        if effect == Effect::Created {
            self.created.push(customer);
        }
        if effect != Effect::Unchanged {
            self.touched.extend([customer, root]);
            let state = self.states.entry(root).or_default();
            state.texts.extend(plan.texts);
            state.attributes.extend(plan.attributes);
        }
        self.addresses.extend(plan.addresses.into_iter().map(|(kind, listed)| ((customer, kind), listed)));
        self.records.push((external_id, customer, plan.said));
    }

    /// The customers that change.
    pub fn touched(&self, tenant: Uuid) -> BTreeSet<Key> {
        self.touched.iter().map(|id| (tenant, *id)).collect()
    }
}

/// Writes what records say. Their customers are locked; names and lists are left to be settled.
pub async fn write(
    connection: &mut Connection,
    tenant: Uuid,
    writes: &Writes,
    by_subject: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    super::customer::ensure(connection, &writes.created.iter().map(|id| (tenant, *id)).collect()).await?;
    say(connection, tenant, &writes.states).await?;
    remember(connection, tenant, &writes.records, by_subject, now).await?;
    address(connection, tenant, &writes.addresses).await
}

async fn say(connection: &mut Connection, tenant: Uuid, states: &BTreeMap<Uuid, State>) -> Result<()> {
    let ids: Vec<Uuid> = states.keys().copied().collect();
    let of = |text: Text| -> Vec<Option<String>> {
        states.values().map(|state| state.texts.get(&text).cloned()).collect()
    };
    let attributes: Vec<Json<&BTreeMap<Uuid, String>>> =
        states.values().map(|state| Json(&state.attributes)).collect();
    sqlx::query!(
        "UPDATE customer c SET
             corrected_name = coalesce(n.display_name, c.corrected_name), language = coalesce(n.language, c.language),
             time_zone = coalesce(n.time_zone, c.time_zone), company = coalesce(n.company, c.company),
             said_category = coalesce(n.category, c.said_category), said_attributes = c.said_attributes || n.attributes,
             edit_version = c.edit_version + 1
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
              AS n (id, display_name, language, time_zone, company, category, attributes)
         WHERE c.tenant_id = $1 AND c.id = n.id",
        tenant,
        &ids,
        &of(Text::DisplayName) as &[Option<String>],
        &of(Text::Language) as &[Option<String>],
        &of(Text::TimeZone) as &[Option<String>],
        &of(Text::Company) as &[Option<String>],
        &of(Text::Category) as &[Option<String>],
        &attributes as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn remember(
    connection: &mut Connection,
    tenant: Uuid,
    records: &[(String, Uuid, Said)],
    by_subject: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let external_ids: Vec<String> = records.iter().map(|(id, ..)| id.clone()).collect();
    let customers: Vec<Uuid> = records.iter().map(|(_, customer, _)| *customer).collect();
    let said: Vec<Json<&Said>> = records.iter().map(|(.., said)| Json(said)).collect();
    sqlx::query!(
        "INSERT INTO import_record (tenant_id, external_id, customer_id, said, by_subject, imported_at)
         SELECT $1, n.external_id, n.customer_id, n.said, $5, $6
         FROM unnest($2::text[], $3::uuid[], $4::jsonb[]) AS n (external_id, customer_id, said)
         ON CONFLICT (tenant_id, external_id) DO UPDATE
             SET said = excluded.said, by_subject = excluded.by_subject, imported_at = excluded.imported_at",
        tenant,
        &external_ids,
        &customers,
        &said as _,
        by_subject,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO import_key (tenant_id, key)
         SELECT $1, gen_random_uuid() WHERE NOT EXISTS (SELECT FROM import_key WHERE tenant_id = $1)",
        tenant,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn address(
    connection: &mut Connection,
    tenant: Uuid,
    addresses: &BTreeMap<(Uuid, i16), Vec<Address>>,
) -> Result<()> {
    let (owners, kinds): (Vec<Uuid>, Vec<i16>) = addresses.keys().copied().unzip();
    sqlx::query!(
        "DELETE FROM customer_address
         WHERE tenant_id = $1 AND (customer_id, kind) IN (SELECT * FROM unnest($2::uuid[], $3::smallint[]))",
        tenant,
        &owners,
        &kinds,
    )
    .execute(&mut *connection)
    .await?;
    let mut rows = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((owner, kind), listed) in addresses {
        for address in listed {
            rows.0.push(*owner);
            rows.1.push(*kind);
            rows.2.push(address.key.clone());
            rows.3.push(address.sent.clone());
        }
    }
    sqlx::query!(
        "INSERT INTO customer_address (tenant_id, customer_id, kind, key, sent)
         SELECT $1, n.* FROM unnest($2::uuid[], $3::smallint[], $4::text[], $5::text[]) AS n",
        tenant,
        &rows.0,
        &rows.1,
        &rows.2,
        &rows.3,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what imports said of locked customers; their records bring nothing back.
pub async fn bury(connection: &mut Connection, tenants: &[Uuid], customers: &[Uuid]) -> Result<()> {
    sqlx::query!(
        "WITH addresses AS (
             DELETE FROM customer_address
             WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))),
         gone AS (
             DELETE FROM import_record
             WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
             RETURNING tenant_id, external_id)
         INSERT INTO import_tombstone (tenant_id, hash)
         SELECT g.tenant_id, sha256(convert_to(k.key::text || g.external_id, 'UTF8'))
         FROM gone g JOIN import_key k ON k.tenant_id = g.tenant_id ON CONFLICT DO NOTHING",
        tenants,
        customers,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What imports gave to customers that stand for themselves: ids under the number of that kind of identity, and addresses.
pub async fn of_customers(connection: &mut Connection, keys: &[Key]) -> Result<Vec<(Key, i16, String)>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT s.tenant_id AS "tenant_id!", s.id AS "id!", a.kind AS "kind!", a.value AS "value!"
           FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
           CROSS JOIN LATERAL (
               SELECT c.id FROM customer c
               WHERE c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
               UNION ALL
               SELECT c.id FROM customer c WHERE c.tenant_id = s.tenant_id AND c.merged_into = s.id
           ) AS m
           CROSS JOIN LATERAL (
               SELECT 1::smallint AS kind, i.external_id AS value FROM import_record i
               WHERE i.tenant_id = s.tenant_id AND i.customer_id = m.id
               UNION ALL
               SELECT a.kind, a.sent FROM customer_address a
               WHERE a.tenant_id = s.tenant_id AND a.customer_id = m.id
           ) AS a
           ORDER BY s.tenant_id, s.id, m.id, a.kind, a.value"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.tenant_id, row.id), row.kind, row.value)).collect())
}
