use std::collections::HashMap;

use tandem_access::Caller;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use super::rank::rank;
use super::route::helped;
use super::rule::deciding;
use super::{Case, Judged, Person, Rule};
use crate::domain::App;
use crate::domain::access::scope;
use crate::store;

/// The most agents that are looked at.
const MOST_LOOKED_AT: i64 = 500;
/// The most that are answered.
const MOST: usize = 100;

/// Who could take a conversation, best first.
#[derive(Debug)]
pub struct Candidates {
    pub judged: Vec<(Judged, Person)>,
    /// The rule that decides about the order.
    pub rule_id: Option<Uuid>,
}

/// Agents who could take a conversation, each with the reasons: of a queued one the team's members, else who sees the channel.
///
/// Errors: `NOT_FOUND` (conversation, team), those of freshness.
pub async fn candidates(
    app: &App,
    caller: &Caller,
    conversation_id: Uuid,
    team_id: Option<Uuid>,
    fresh: &[String],
) -> Result<Candidates> {
    app.freshness.wait(fresh).await?;
    let tenant_id = caller.tenant()?;
    let mut connection = app.pool.acquire().await?;
    let case = visible_case(&mut connection, caller, tenant_id, conversation_id).await?;
    if let Some(team_id) = team_id
        && !store::team::exists(&mut connection, tenant_id, team_id).await?
    {
        return Err(Fault::not_found("team").into());
    }
    let rules = store::routing_rule::of_tenant(&mut connection, tenant_id).await?;
    let rule = deciding(&rules, &case);
    let rule_id = rule.map(|rule| rule.id);
    let default = Rule::default_at(app.ambient.now());
    let judged = judged(app, &mut connection, tenant_id, &case, rule.unwrap_or(&default), team_id).await?;
    Ok(Candidates { judged, rule_id })
}

/// A conversation in the caller's access scope.
///
/// Errors: `NOT_FOUND`.
pub(super) async fn visible_case(
    connection: &mut Connection,
    caller: &Caller,
    tenant_id: Uuid,
    conversation_id: Uuid,
) -> Result<Case> {
    let scope = scope(connection, caller).await?;
    let case = store::queue::cases(connection, tenant_id, &[conversation_id]).await?.pop();
    let visible = case.filter(|case| scope.covers(case.channel_id));
    visible.ok_or_else(|| Fault::not_found("conversation").into())
}

/// The people who could take it, in a rule's order.
pub(super) async fn judged(
    app: &App,
    connection: &mut Connection,
    tenant_id: Uuid,
    case: &Case,
    rule: &Rule,
    team_id: Option<Uuid>,
) -> Result<Vec<(Judged, Person)>> {
    let team_id = team_id.or(case.holder.team_id());
    let ids = match team_id {
        Some(team_id) => store::person::members(connection, tenant_id, team_id, MOST_LOOKED_AT).await?,
        None => store::person::of_channel(connection, tenant_id, case.channel_id, MOST_LOOKED_AT).await?,
    };
    let now = app.ambient.now();
    let people = store::person::read(connection, tenant_id, &ids, team_id, Some(case.id), now).await?;
    let mut helped = helped(connection, tenant_id, std::slice::from_ref(case)).await?;
    let helped = case.customer_id.and_then(|customer_id| helped.remove(&customer_id)).unwrap_or_default();
    let mut order = rank(case, rule, people.iter(), &helped);
    order.truncate(MOST);
    let mut people: HashMap<Uuid, Person> = people.into_iter().map(|person| (person.id, person)).collect();
    Ok(order
        .into_iter()
        .filter_map(|judged| people.remove(&judged.agent_id).map(|person| (judged, person)))
        .collect())
}
