//! Customers as they are shown: the union over each merged set, with a few set queries, none a row.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::split;
use crate::domain::address::EXTERNAL_ID;
use crate::domain::model::{Contact, Identity, Key, Profile};

/// Contacts that are shown.
const MOST_CONTACTS: i64 = 100;
/// Agents who helped that are shown.
const MOST_AGENTS: i64 = 20;

/// Customers by their keys, in the order of these; those that do not exist are left out. One that was merged answers as
/// itself: a pointer.
pub async fn read(connection: &mut Connection, keys: &[Key]) -> Result<Vec<Profile>> {
    let mut profiles = rows(connection, keys).await?;
    said(connection, keys, &mut profiles).await?;
    contacts(connection, keys, &mut profiles).await?;
    tags(connection, keys, &mut profiles).await?;
    for (key, kind, value) in super::import::of_customers(connection, keys).await? {
        match (profiles.get_mut(&key), kind) {
            (None, _) => {}
            (Some(profile), EXTERNAL_ID) => profile.import_ids.push(value),
            (Some(profile), kind) => profile.import_addresses.push((kind, value)),
        }
    }
    for (key, agents) in super::agent::of_customers(connection, keys, MOST_AGENTS).await? {
        if let Some(profile) = profiles.get_mut(&key) {
            profile.agent_ids = agents;
        }
    }
    Ok(keys.iter().filter_map(|key| profiles.remove(key)).collect())
}

async fn rows(connection: &mut Connection, keys: &[Key]) -> Result<BTreeMap<Key, Profile>> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT c.tenant_id, c.id, c.merged_into, c.name, c.name_corrected, c.first_contact_at, c.category,
                  (SELECT jsonb_object_agg(d.key, e.value)
                   FROM jsonb_each_text(c.attributes) AS e
                   JOIN attribute_definition d ON d.tenant_id = c.tenant_id AND d.id = e.key::uuid
                  ) AS "attributes: Json<BTreeMap<String, String>>",
                  c.erased_at, c.edit_version, c.version
           FROM customer c WHERE (c.tenant_id, c.id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let profiles = rows.into_iter().map(|row| {
        let profile = Profile {
            tenant_id: row.tenant_id,
            id: row.id,
            merged_into: row.merged_into,
            display_name: row.name,
            name_corrected: row.name_corrected,
            language: String::new(),
            time_zone: String::new(),
            company: String::new(),
            contacts: Vec::new(),
            tag_ids: Vec::new(),
            first_contact_at: row.first_contact_at,
            last_contact_at: None,
            conversation_count: 0,
            message_count: 0,
            category: row.category.unwrap_or_default(),
            attributes: row.attributes.map(|attributes| attributes.0).unwrap_or_default(),
            agent_ids: Vec::new(),
            erased_at: row.erased_at,
            import_ids: Vec::new(),
            import_addresses: Vec::new(),
            edit_version: row.edit_version,
            version: row.version,
        };
        ((row.tenant_id, row.id), profile)
    });
    Ok(profiles.collect())
}

/// What people said: the survivor's word, else the oldest of those merged into it.
async fn said(
    connection: &mut Connection,
    keys: &[Key],
    profiles: &mut BTreeMap<Key, Profile>,
) -> Result<()> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT s.tenant_id AS "tenant_id!", s.id AS "id!",
                  (array_agg(m.language ORDER BY m.id <> s.id, m.id) FILTER (WHERE m.language IS NOT NULL))[1] AS language,
                  (array_agg(m.time_zone ORDER BY m.id <> s.id, m.id) FILTER (WHERE m.time_zone IS NOT NULL))[1] AS time_zone,
                  (array_agg(m.company ORDER BY m.id <> s.id, m.id) FILTER (WHERE m.company IS NOT NULL))[1] AS company
           FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
           CROSS JOIN LATERAL (
               SELECT c.id, c.language, c.time_zone, c.company FROM customer c
               WHERE c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
               UNION ALL
               SELECT c.id, c.language, c.time_zone, c.company FROM customer c
               WHERE c.tenant_id = s.tenant_id AND c.merged_into = s.id
           ) AS m
           GROUP BY s.tenant_id, s.id"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        if let Some(profile) = profiles.get_mut(&(row.tenant_id, row.id)) {
            profile.language = row.language.unwrap_or_default();
            profile.time_zone = row.time_zone.unwrap_or_default();
            profile.company = row.company.unwrap_or_default();
        }
    }
    Ok(())
}

struct ContactRow {
    tenant_id: Uuid,
    root_id: Uuid,
    id: Uuid,
    customer_id: Uuid,
    channel_id: Uuid,
    canonical_id: Option<Uuid>,
    display_name: String,
    created_at: DateTime<Utc>,
    identities: Json<Vec<Identity>>,
    version: i64,
    n: i64,
    conversations: i64,
    messages: i64,
    last_activity_at: Option<DateTime<Utc>>,
}

async fn contacts(
    connection: &mut Connection,
    keys: &[Key],
    profiles: &mut BTreeMap<Key, Profile>,
) -> Result<()> {
    let (tenants, ids) = split(keys);
    // The sums run over all contacts of the set, the rows end at the hundredth.
    let rows = sqlx::query_as!(
        ContactRow,
        r#"SELECT tenant_id AS "tenant_id!", root_id AS "root_id!", id AS "id!", customer_id AS "customer_id!",
                  channel_id AS "channel_id!", canonical_id, display_name AS "display_name!",
                  created_at AS "created_at!", identities AS "identities!: Json<Vec<Identity>>",
                  version AS "version!", n AS "n!", conversations AS "conversations!", messages AS "messages!",
                  last_activity_at
           FROM (
               SELECT k.tenant_id, s.id AS root_id, k.id, k.customer_id, k.channel_id, k.canonical_id,
                      k.display_name, k.created_at, k.identities, k.version,
                      row_number() OVER (PARTITION BY s.tenant_id, s.id ORDER BY k.created_at, k.id) AS n,
                      coalesce(sum(t.conversation_count) OVER of, 0)::bigint AS conversations,
                      coalesce(sum(t.message_count) OVER of, 0)::bigint AS messages,
                      max(t.last_activity_at) OVER of AS last_activity_at
               FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
               CROSS JOIN LATERAL (
                   SELECT c.id FROM customer c
                   WHERE c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
                   UNION ALL
                   SELECT c.id FROM customer c WHERE c.tenant_id = s.tenant_id AND c.merged_into = s.id
               ) AS m
               JOIN contact k ON k.tenant_id = s.tenant_id AND k.customer_id = m.id
               LEFT JOIN contact_totals t ON t.tenant_id = k.tenant_id AND t.contact_id = k.id
               WINDOW of AS (PARTITION BY s.tenant_id, s.id)
           ) AS shown WHERE n <= $3 ORDER BY tenant_id, root_id, n"#,
        &tenants,
        &ids,
        MOST_CONTACTS,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let Some(profile) = profiles.get_mut(&(row.tenant_id, row.root_id)) else { continue };
        if row.n == 1 {
            profile.conversation_count = row.conversations;
            profile.message_count = row.messages;
            profile.last_contact_at = row.last_activity_at;
        }
        profile.contacts.push(Contact {
            id: row.id,
            customer_id: row.customer_id,
            channel_id: row.channel_id,
            canonical_id: row.canonical_id,
            display_name: row.display_name,
            created_at: row.created_at,
            identities: row.identities.0,
            version: row.version,
        });
    }
    Ok(())
}

async fn tags(
    connection: &mut Connection,
    keys: &[Key],
    profiles: &mut BTreeMap<Key, Profile>,
) -> Result<()> {
    let (tenants, ids) = split(keys);
    let rows = sqlx::query!(
        r#"SELECT DISTINCT newest.tenant_id AS "tenant_id!", newest.root_id AS "root_id!",
                  coalesce(g.merged_into, g.id) AS "tag_id!"
           FROM (
               SELECT DISTINCT ON (s.tenant_id, s.id, t.tag_id) s.tenant_id, s.id AS root_id, t.tag_id, t.carried
               FROM unnest($1::uuid[], $2::uuid[]) AS s (tenant_id, id)
               CROSS JOIN LATERAL (
                   SELECT c.id FROM customer c
                   WHERE c.tenant_id = s.tenant_id AND c.id = s.id AND c.merged_into IS NULL
                   UNION ALL
                   SELECT c.id FROM customer c WHERE c.tenant_id = s.tenant_id AND c.merged_into = s.id
               ) AS m
               JOIN customer_tag t ON t.tenant_id = s.tenant_id AND t.customer_id = m.id
               ORDER BY s.tenant_id, s.id, t.tag_id, t.changed_at DESC, t.carried DESC
           ) AS newest
           JOIN tag g ON g.tenant_id = newest.tenant_id AND g.id = newest.tag_id AND g.deleted_at IS NULL
           WHERE carried ORDER BY 1, 2, 3"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        if let Some(profile) = profiles.get_mut(&(row.tenant_id, row.root_id)) {
            profile.tag_ids.push(row.tag_id);
        }
    }
    Ok(())
}
