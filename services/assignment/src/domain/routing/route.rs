use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use futures::stream::{self, StreamExt};
use tandem_database::Result;
use uuid::Uuid;

use super::plan::{Move, Team, plan};
use super::rank::Helped;
use super::{Case, Rule};
use crate::domain::App;
use crate::domain::kinds::Strategy;
use crate::domain::model::Holder;
use crate::domain::transfer::{self, Routed};
use crate::store;

/// Conversations of one queue that are read at once.
const PAGE: i64 = 200;
/// Pages of one queue that one pass looks through while somebody has room: behind 2,000 conversations that nobody who is there
/// can take, what could be taken waits.
const PAGES: usize = 10;
/// Teams looked at, and conversations given, at once.
const AT_ONCE: usize = 4;

/// One pass over all queues: gives what somebody can take, and sends on what nobody could for too long. Answers how many
/// conversations it moved.
///
/// Any replica may do so at any time: it decides on what it reads, and [`transfer::route`] checks that again under locks.
pub async fn route(app: &App) -> Result<usize> {
    let mut connection = app.pool.acquire().await?;
    let teams = store::queue::at_work(&mut connection).await?;
    // In their order: a tenant's teams follow each other.
    let mut tenants: Vec<Uuid> = teams.iter().map(|(tenant_id, ..)| *tenant_id).collect();
    tenants.dedup();
    let rules = match &tenants[..] {
        [] => HashMap::new(),
        tenants => store::routing_rule::all(&mut connection, tenants).await?,
    };
    drop(connection);
    let rules = &rules;
    let passes = teams.into_iter().map(|(tenant_id, id, fallback_team_id)| async move {
        let team = Team { id, fallback_team_id, people: Vec::new() };
        let rules = rules.get(&tenant_id).map_or(&[][..], Vec::as_slice);
        route_team(app, tenant_id, rules, team).await
    });
    let passes: Vec<Result<usize>> = stream::iter(passes).buffer_unordered(AT_ONCE).collect().await;
    let mut moved = 0;
    // One team's trouble is not the others'.
    for pass in passes {
        match pass {
            Ok(count) => moved += count,
            Err(error) => tracing::warn!(?error, "a queue was not routed, the next pass tries again"),
        }
    }
    Ok(moved)
}

async fn route_team(app: &App, tenant_id: Uuid, rules: &[Rule], mut team: Team) -> Result<usize> {
    let now = app.ambient.now();
    let mut connection = app.pool.acquire().await?;
    let online = store::person::online(&mut connection, tenant_id, team.id, now).await?;
    if !online.is_empty() {
        team.people =
            store::person::read(&mut connection, tenant_id, &online, Some(team.id), None, now).await?;
    }
    drop(connection);
    let waits = rules.iter().filter(|rule| rule.enabled && rule.fallback_after_s > 0);
    let shortest = waits.map(|rule| TimeDelta::seconds(rule.fallback_after_s.into())).min();
    let goes_on = shortest.is_some();
    let (mut after, mut moved) = (None, 0);
    for _ in 0..PAGES {
        // Where nobody has room, only what may go on elsewhere is looked at.
        let before = match (team.has_room(), shortest) {
            (true, _) => None,
            (false, Some(shortest)) => Some(now - shortest),
            (false, None) => break,
        };
        let mut connection = app.pool.acquire().await?;
        let page = store::queue::page(&mut connection, tenant_id, team.id, after, before, PAGE).await?;
        let ids: Vec<Uuid> = page.iter().map(|place| place.id).collect();
        let cases = store::queue::cases(&mut connection, tenant_id, &ids).await?;
        let helped = helped_by_rules(&mut connection, tenant_id, rules, &cases).await?;
        let been: HashSet<(Uuid, Uuid)> = if goes_on {
            store::queue::been(&mut connection, tenant_id, &ids).await?.into_iter().collect()
        } else {
            HashSet::new()
        };
        drop(connection);
        let moves = plan(now, rules, &mut team, &cases, &helped, &been);
        moved += carry_out(app, tenant_id, team.id, &cases, moves).await?;
        after = page.last().copied();
        if i64::try_from(page.len()) != Ok(PAGE) {
            break;
        }
    }
    Ok(moved)
}

/// Who helped the customers before, where a rule asks for it.
async fn helped_by_rules(
    connection: &mut tandem_database::Connection,
    tenant_id: Uuid,
    rules: &[Rule],
    cases: &[Case],
) -> Result<HashMap<Uuid, Helped>> {
    if rules.iter().any(|rule| rule.enabled && rule.strategy == Strategy::LastAgentFirst) {
        helped(connection, tenant_id, cases).await
    } else {
        Ok(HashMap::new())
    }
}

/// Who helped the customers of some conversations before.
pub(super) async fn helped(
    connection: &mut tandem_database::Connection,
    tenant_id: Uuid,
    cases: &[Case],
) -> Result<HashMap<Uuid, Helped>> {
    let customers: HashSet<Uuid> = cases.iter().filter_map(|case| case.customer_id).collect();
    let customers: Vec<Uuid> = customers.into_iter().collect();
    let mut helped: HashMap<Uuid, Helped> = HashMap::new();
    if !customers.is_empty() {
        for (customer_id, agent_id, at) in store::queue::helped(connection, tenant_id, &customers).await? {
            helped.entry(customer_id).or_default().insert(agent_id, at);
        }
    }
    Ok(helped)
}

async fn carry_out(
    app: &App,
    tenant_id: Uuid,
    team_id: Uuid,
    cases: &[Case],
    moves: Vec<(usize, Move)>,
) -> Result<usize> {
    let now = app.ambient.now();
    let calls = moves.into_iter().map(|(index, step)| {
        let (to, turn) = match step {
            Move::Give { agent_id, turn } => (Holder::agent(agent_id), turn),
            Move::Fallback { team_id } => (Holder::team(team_id), now),
        };
        let case = &cases[index];
        let (conversation_id, epoch) = (case.id, case.epoch);
        transfer::route(app, Routed { tenant_id, conversation_id, team_id, epoch, to, turn })
    });
    let outcomes: Vec<transfer::Result<bool>> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    let mut moved = 0;
    for outcome in outcomes {
        match outcome {
            Ok(true) => moved += 1,
            Ok(false) => {}
            // Somebody else gave the agent something, or deactivated them; what is unknown is resolved by `tick`.
            Err(error) => tracing::debug!(?error, "a conversation was not routed"),
        }
    }
    Ok(moved)
}
