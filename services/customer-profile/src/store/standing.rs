//! What a merged set says as a whole, kept on the customer that stands for it, since lists walk and filter it: category,
//! attributes, whether a phone is known, the last contact.

use std::collections::BTreeSet;

use tandem_database::{Connection, Result};

use super::split;
use crate::domain::model::Key;

/// Derives it anew for customers whose rows are locked: of what the one that stands for the set said first, then of what
/// those merged into it said, by id. One that was merged itself keeps nothing of it.
pub async fn derive(connection: &mut Connection, keys: &BTreeSet<Key>) -> Result<()> {
    let (tenants, ids) = split(keys);
    let changed = sqlx::query!(
        r#"WITH s AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)),
           member AS (
               SELECT s.tenant_id, s.id AS root_id, c.id, c.said_category, c.said_attributes
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
               UNION ALL
               SELECT s.tenant_id, s.id, c.id, c.said_category, c.said_attributes
               FROM s JOIN customer c ON c.tenant_id = s.tenant_id AND c.merged_into = s.id),
           filed AS (
               SELECT tenant_id, root_id,
                      nullif((array_agg(said_category ORDER BY id <> root_id, id)
                              FILTER (WHERE said_category IS NOT NULL))[1], '') AS category
               FROM member GROUP BY tenant_id, root_id),
           said AS (
               SELECT DISTINCT ON (m.tenant_id, m.root_id, e.key) m.tenant_id, m.root_id, e.key, e.value
               FROM member m CROSS JOIN LATERAL jsonb_each(m.said_attributes) AS e
               ORDER BY m.tenant_id, m.root_id, e.key, m.id <> m.root_id, m.id),
           had AS (
               SELECT tenant_id, root_id, jsonb_object_agg(key, value) AS attributes
               FROM said WHERE value <> 'null' GROUP BY tenant_id, root_id),
           reached AS (
               SELECT m.tenant_id, m.root_id, bool_or(k.identities @> '[{"kind": 3}]') AS has_phone,
                      max(t.last_activity_at) AS last_contact_at
               FROM member m
               JOIN contact k ON k.tenant_id = m.tenant_id AND k.customer_id = m.id
               LEFT JOIN contact_totals t ON t.tenant_id = k.tenant_id AND t.contact_id = k.id
               GROUP BY m.tenant_id, m.root_id),
           imported AS (
               SELECT DISTINCT m.tenant_id, m.root_id, true AS has_phone
               FROM member m
               JOIN customer_address a ON a.tenant_id = m.tenant_id AND a.customer_id = m.id AND a.kind = 3)
           UPDATE customer c SET
               category = filed.category, attributes = coalesce(had.attributes, '{}'),
               has_phone = greatest(reached.has_phone, imported.has_phone, false), last_contact_at = reached.last_contact_at
           FROM s
           LEFT JOIN filed ON filed.tenant_id = s.tenant_id AND filed.root_id = s.id
           LEFT JOIN had ON had.tenant_id = s.tenant_id AND had.root_id = s.id
           LEFT JOIN reached ON reached.tenant_id = s.tenant_id AND reached.root_id = s.id
           LEFT JOIN imported ON imported.tenant_id = s.tenant_id AND imported.root_id = s.id
           WHERE c.tenant_id = s.tenant_id AND c.id = s.id
             AND (c.category, c.attributes, c.has_phone, c.last_contact_at) IS DISTINCT FROM
                 (filed.category, coalesce(had.attributes, '{}'), greatest(reached.has_phone, imported.has_phone, false),
                  reached.last_contact_at)
           RETURNING c.tenant_id, c.id"#,
        &tenants,
        &ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    let changed: Vec<Key> = changed.into_iter().map(|row| (row.tenant_id, row.id)).collect();
    if changed.is_empty() { Ok(()) } else { look_up(connection, &changed).await }
}

/// Writes anew by which values customers are looked up.
async fn look_up(connection: &mut Connection, keys: &[Key]) -> Result<()> {
    let (tenants, ids) = split(keys);
    sqlx::query!(
        "DELETE FROM customer_attribute
         WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO customer_attribute (tenant_id, definition_id, value_hash, customer_id)
         SELECT c.tenant_id, e.key::uuid, md5(e.value)::uuid, c.id
         FROM customer c CROSS JOIN LATERAL jsonb_each_text(c.attributes) AS e
         WHERE (c.tenant_id, c.id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}
