use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::{all_written, conflict};
use crate::domain::check::folded;
use crate::domain::kinds::{HandOffReason, Priority, Strategy, checked};
use crate::domain::model::Skill;
use crate::domain::routing::Rule;

struct Record {
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

/// Errors: `ALREADY_EXISTS`.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, rule: &Rule) -> Result<()> {
    let (priorities, reasons) = numbers(rule);
    sqlx::query!(
        "INSERT INTO routing_rule (tenant_id, id, display_name, name_folded, enabled, place, channel_ids, team_ids,
             priorities, languages, customer_tag_ids, hand_off_reasons, strategy, required_skills, preferred_skills,
             language_required, fallback_after_s, fallback_team_id, created_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
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

/// Errors: `ALREADY_EXISTS`.
pub async fn update(connection: &mut Connection, tenant_id: Uuid, rule: &Rule) -> Result<()> {
    let (priorities, reasons) = numbers(rule);
    let updated = sqlx::query!(
        "UPDATE routing_rule SET display_name = $3, name_folded = $4, enabled = $5, place = $6, channel_ids = $7,
             team_ids = $8, priorities = $9, languages = $10, customer_tag_ids = $11, hand_off_reasons = $12,
             strategy = $13, required_skills = $14, preferred_skills = $15, language_required = $16,
             fallback_after_s = $17, fallback_team_id = $18, version = $19
         WHERE tenant_id = $1 AND id = $2",
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
        rule.version,
    )
    .execute(connection)
    .await
    .map_err(conflict::of_directory)?;
    all_written(updated.rows_affected(), 1)
}

/// Reads and locks a rule.
pub async fn lock(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<Option<Rule>> {
    let record = sqlx::query_as!(
        Record,
        "SELECT id, display_name, enabled, place, channel_ids, team_ids, priorities, languages, customer_tag_ids,
                hand_off_reasons, strategy, required_skills, preferred_skills, language_required, fallback_after_s,
                fallback_team_id, created_at, version
         FROM routing_rule WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant_id,
        id,
    )
    .fetch_optional(connection)
    .await?;
    record.map(Record::into_rule).transpose()
}

pub async fn delete(connection: &mut Connection, tenant_id: Uuid, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM routing_rule WHERE tenant_id = $1 AND id = $2", tenant_id, id)
        .execute(connection)
        .await?;
    Ok(())
}

/// A tenant's rules, at most a hundred, in the order in which they are asked.
pub async fn all(connection: &mut Connection, tenant_id: Uuid) -> Result<Vec<Rule>> {
    let records = sqlx::query_as!(
        Record,
        "SELECT id, display_name, enabled, place, channel_ids, team_ids, priorities, languages, customer_tag_ids,
                hand_off_reasons, strategy, required_skills, preferred_skills, language_required, fallback_after_s,
                fallback_team_id, created_at, version
         FROM routing_rule WHERE tenant_id = $1 ORDER BY place, id LIMIT 100",
        tenant_id,
    )
    .fetch_all(connection)
    .await?;
    records.into_iter().map(Record::into_rule).collect()
}
