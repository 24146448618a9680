//! The rules that a tenant keeps.

use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::Request;
use uuid::Uuid;

use super::{Field, Rule, Values};
use crate::domain::App;
use crate::store;

/// The most rules of a tenant.
const MOST: usize = 100;

pub struct Create {
    pub request: Request,
    pub values: Values,
}

pub struct Update {
    pub request: Request,
    pub rule_id: Uuid,
    /// The version that the change was decided on.
    pub version: i64,
    pub fields: Vec<Field>,
    pub values: Values,
}

/// Adds a rule.
///
/// Errors: `INVALID_FIELDS` for unknown teams, `ALREADY_EXISTS` for a name that is taken, `LIMIT_REACHED`,
/// `REQUEST_ID_REUSED`.
pub async fn create(app: &App, command: Create) -> Result<Rule> {
    let Create { request, values } = command;
    let mut tx = begin(&app.pool).await?;
    let now = app.ambient.now();
    if let Some(rule) = tandem_request_log::claim(&mut tx, &request, now).await? {
        return Ok(rule);
    }
    values.check_known(&mut tx, request.tenant_id, Field::ALL).await?;
    store::routing_rule::lock_all(&mut tx).await?;
    if store::routing_rule::of_tenant(&mut tx, request.tenant_id).await?.len() >= MOST {
        return Err(Fault::new(Reason::LimitReached, "a tenant has at most 100 routing rules").into());
    }
    let mut rule = Rule { id: app.ambient.id(), ..Rule::default_at(now) };
    values.put(Field::ALL, &mut rule);
    store::routing_rule::put(&mut tx, request.tenant_id, &rule).await?;
    tandem_request_log::record(&mut tx, &request, &rule).await?;
    tx.commit().await?;
    Ok(rule)
}

/// Changes a rule.
///
/// Errors: `INVALID_FIELDS` for unknown teams, `NOT_FOUND`, `ETAG_MISMATCH`, `ALREADY_EXISTS`, `REQUEST_ID_REUSED`.
pub async fn update(app: &App, command: Update) -> Result<Rule> {
    let Update { request, rule_id, version, fields, values } = command;
    let tenant_id = request.tenant_id;
    let mut tx = begin(&app.pool).await?;
    if let Some(rule) = tandem_request_log::claim(&mut tx, &request, app.ambient.now()).await? {
        return Ok(rule);
    }
    if !store::routing_rule::lock(&mut tx, tenant_id, rule_id).await? {
        return Err(Fault::not_found("routing rule").into());
    }
    let mut rules = store::routing_rule::of_tenant(&mut tx, tenant_id).await?.into_iter();
    let mut rule = rules.find(|rule| rule.id == rule_id).ok_or_else(|| Fault::not_found("routing rule"))?;
    if rule.version != version {
        return Err(Fault::new(Reason::EtagMismatch, "the rule changed since it was read").into());
    }
    values.check_known(&mut tx, tenant_id, &fields).await?;
    values.put(&fields, &mut rule);
    rule.version += 1;
    store::routing_rule::put(&mut tx, tenant_id, &rule).await?;
    tandem_request_log::record(&mut tx, &request, &rule).await?;
    tx.commit().await?;
    Ok(rule)
}

/// Removes a rule, if it is there.
pub async fn delete(app: &App, tenant_id: Uuid, rule_id: Uuid) -> Result<()> {
    store::routing_rule::delete(&mut *app.pool.acquire().await?, tenant_id, rule_id).await
}

/// All rules in the order in which they are asked.
pub async fn list(app: &App, tenant_id: Uuid) -> Result<Vec<Rule>> {
    store::routing_rule::of_tenant(&mut *app.pool.acquire().await?, tenant_id).await
}
