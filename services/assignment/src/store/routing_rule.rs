use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::conflict;
use crate::domain::check::folded;
use crate::domain::kinds::{HandOffReason, Priority, Strategy, checked};
use crate::domain::model::Skill;
use crate::domain::routing::Rule;

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    display_name: String,
    enabled: bool,
    place: i32,
    channel_ids: Vec<Uuid>,
    team_ids: Vec<Uuid>,
    priorities: Vec<i16>,
    languages: Vec<String>,
    customer_tag_ids: Vec<Uuid>,
    hand_off_reasons: Vec<i16>,
    strategy: i16,
    required_skills: Value,
    preferred_skills: Vec<String>,
    language_required: bool,
    fallback_after_s: i32,
    fallback_team_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl Record {
    fn into_rule(self) -> Result<Rule> {
        let required_skills: Vec<Skill> =
            serde_json::from_value(self.required_skills).map_err(Fault::internal)?;
        let reason = |number: i16| checked(HandOffReason::from_number(number.into()));
        Ok(Rule {
            id: self.id,
            display_name: self.display_name,
            enabled: self.enabled,
            place: self.place,
            channel_ids: self.channel_ids,
            team_ids: self.team_ids,
            priorities: self
                .priorities
                .into_iter()
                .map(|number| checked(Priority::from_number(number.into())))
                .collect(),
            languages: self.languages,
            customer_tag_ids: self.customer_tag_ids,
            hand_off_reasons: self.hand_off_reasons.into_iter().map(reason).collect(),
            strategy: checked(Strategy::from_number(self.strategy.into())),
            required_skills,
            preferred_skills: self.preferred_skills,
            language_required: self.language_required,
            fallback_after_s: self.fallback_after_s,
            fallback_team_id: self.fallback_team_id,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

fn numbers(rule: &Rule) -> (Vec<i16>, Vec<i16>) {
    let priorities = rule.priorities.iter().map(|priority| priority.number()).collect();
    (priorities, rule.hand_off_reasons.iter().map(|reason| reason.number()).collect())
}

/// Keeps others from adding rules until the end of the transaction, so that they can be counted; readers do not wait. Rules
/// are added by hand.
pub async fn lock_all(connection: &mut Connection) -> Result<()> {
    sqlx::query!("LOCK TABLE routing_rule IN SHARE ROW EXCLUSIVE MODE").execute(connection).await?;
    Ok(())
}

/// Writes a rule, new or changed. Errors: `ALREADY_EXISTS`.
pub async fn put(connection: &mut Connection, tenant_id: Uuid, rule: &Rule) -> Result<()> {
    let (priorities, reasons) = numbers(rule);
    sqlx::query!(
        "INSERT INTO routing_rule (tenant_id, id, display_name, name_folded, enabled, place, channel_ids, team_ids,
             priorities, languages, customer_tag_ids, hand_off_reasons, strategy, required_skills, preferred_skills,
             language_required, fallback_after_s, fallback_team_id, created_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         ON CONFLICT (tenant_id, id) DO UPDATE SET display_name = EXCLUDED.display_name,
             name_folded = EXCLUDED.name_folded, enabled = EXCLUDED.enabled, place = EXCLUDED.place,
             channel_ids = EXCLUDED.channel_ids, team_ids = EXCLUDED.team_ids, priorities = EXCLUDED.priorities,
             languages = EXCLUDED.languages, customer_tag_ids = EXCLUDED.customer_tag_ids,
             hand_off_reasons = EXCLUDED.hand_off_reasons, strategy = EXCLUDED.strategy,
             required_skills = EXCLUDED.required_skills, preferred_skills = EXCLUDED.preferred_skills,
             language_required = EXCLUDED.language_required, fallback_after_s = EXCLUDED.fallback_after_s,
             fallback_team_id = EXCLUDED.fallback_team_id, version = EXCLUDED.version",
        tenant_id,
        rule.id,
        rule.display_name,
        folded(&rule.display_name),
        rule.enabled,
        rule.place,
        &rule.channel_ids,
        &rule.team_ids,
        &priorities,
        &rule.languages,
        &rule.customer_tag_ids,
        &reasons,
        rule.strategy.number(),
        serde_json::to_value(&rule.required_skills).map_err(Fault::internal)?,
        &rule.preferred_skills,
        rule.language_required,
        rule.fallback_after_s,
        rule.fallback_team_id,
        rule.created_at,
        rule.version,
    )
    .execute(connection)
    .await
    .map_err(conflict::of_directory)?;
    Ok(())
}

/// Locks a rule until the end of the transaction. Answers whether there is one.
pub async fn lock(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<bool> {
    let locked = sqlx::query_scalar!(
        "SELECT id FROM routing_rule WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant_id,
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

pub async fn delete(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM routing_rule WHERE tenant_id = $1 AND id = $2", tenant_id, id)
        .execute(connection)
        .await?;
    Ok(())
}

/// A tenant's rules, at most a hundred, in the order in which they are asked.
pub async fn of_tenant(connection: &mut Connection, tenant_id: Uuid) -> Result<Vec<Rule>> {
    Ok(all(connection, &[tenant_id]).await?.remove(&tenant_id).unwrap_or_default())
}

/// The rules of some tenants, at most a hundred each, in the order in which they are asked. They name the tags that others
/// became; a deleted one, which nobody carries, stays, since a rule that names none asks nothing.
pub async fn all(connection: &mut Connection, tenants: &[Uuid]) -> Result<HashMap<Uuid, Vec<Rule>>> {
    let records = sqlx::query_as!(
        Record,
        r#"SELECT tenant_id, id, display_name, enabled, place, channel_ids, team_ids, priorities, languages,
                  ARRAY (
                      SELECT coalesce(g.merged_into, named.id)
                      FROM unnest(customer_tag_ids) WITH ORDINALITY AS named (id, n)
                      LEFT JOIN tag g ON g.tenant_id = routing_rule.tenant_id AND g.id = named.id
                      GROUP BY 1 ORDER BY min(named.n)) AS "customer_tag_ids!", hand_off_reasons, strategy, required_skills, preferred_skills, language_required,
                  fallback_after_s, fallback_team_id, created_at, version
           FROM routing_rule WHERE tenant_id = ANY ($1) ORDER BY tenant_id, place, id"#,
        tenants,
    )
    .fetch_all(connection)
    .await?;
    let mut rules: HashMap<Uuid, Vec<Rule>> = HashMap::new();
    for record in records {
        rules.entry(record.tenant_id).or_default().push(record.into_rule()?);
    }
    Ok(rules)
}
