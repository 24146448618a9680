//! What is kept of a person beside what profiles show.

use std::collections::BTreeMap;

use sqlx::types::Json;
use tandem_database::{Connection, Result};

use crate::domain::model::Key;
use crate::domain::privacy::Merged;

/// What people said of the customers that were merged into one.
pub async fn merged(connection: &mut Connection, root: Key) -> Result<Vec<Merged>> {
    let rows = sqlx::query!(
        r#"SELECT id, coalesce(corrected_name, '') AS "corrected_name!", coalesce(language, '') AS "language!",
                  coalesce(time_zone, '') AS "time_zone!", coalesce(company, '') AS "company!",
                  coalesce(said_category, '') AS "category!",
                  (SELECT jsonb_object_agg(d.key, e.value) FROM jsonb_each_text(c.said_attributes) AS e
                   JOIN attribute_definition d ON d.tenant_id = c.tenant_id AND d.id = e.key::uuid
                   WHERE e.value IS NOT NULL) AS "attributes: Json<BTreeMap<String, String>>"
           FROM customer c WHERE tenant_id = $1 AND merged_into = $2 ORDER BY id"#,
        root.0,
        root.1,
    )
    .fetch_all(connection)
    .await?;
    let merged = rows.into_iter().map(|row| Merged {
        id: row.id,
        corrected_name: row.corrected_name,
        language: row.language,
        time_zone: row.time_zone,
        company: row.company,
        category: row.category,
        attributes: row.attributes.map(|attributes| attributes.0).unwrap_or_default(),
    });
    Ok(merged.collect())
}
