use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tandem_access::Caller;
use tandem_database::Result;
use uuid::Uuid;

use super::candidates::{judged, visible_case};
use super::plan::{Team, fallback_team};
use super::{Judged, Person, Rule};
use crate::domain::App;
use crate::store;

/// What routing would do with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Given(Uuid),
    Waits,
    Fallback,
    NoRule,
    NotQueued,
}

/// Whether a rule decides.
#[derive(Debug)]
pub struct Verdict {
    pub rule: Rule,
    /// The conditions that do not hold.
    pub unmet: Vec<&'static str>,
}

#[derive(Debug)]
pub struct Explained {
    pub outcome: Outcome,
    pub verdicts: Vec<Verdict>,
    /// Where it goes on to in the end, and when.
    pub fallback: Option<(Uuid, DateTime<Utc>)>,
    pub judged: Vec<(Judged, Person)>,
}

/// What the stored rules, or a given one, would do with a conversation now.
///
/// Errors: `NOT_FOUND`, those of freshness.
pub async fn explain(
    app: &App,
    caller: &Caller,
    conversation_id: Uuid,
    rule: Option<Rule>,
    fresh: &[String],
) -> Result<Explained> {
    app.freshness.wait(fresh).await?;
    let tenant_id = caller.tenant()?;
    let now = app.ambient.now();
    let mut connection = app.pool.acquire().await?;
    let case = visible_case(&mut connection, caller, tenant_id, conversation_id).await?;
    let nothing = |outcome, verdicts| Explained { outcome, verdicts, fallback: None, judged: Vec::new() };
    let Some(team_id) = case.queue() else { return Ok(nothing(Outcome::NotQueued, Vec::new())) };
    let rules = match rule {
        Some(mut rule) => {
            // As a stored one: it means by a tag what this became.
            rule.customer_tag_ids =
                store::tag::meant(&mut connection, tenant_id, &rule.customer_tag_ids).await?;
            vec![rule]
        }
        None => store::routing_rule::of_tenant(&mut connection, tenant_id).await?,
    };
    let mut verdicts = Vec::new();
    for rule in rules {
        let unmet = rule.unmet(&case);
        let decides = unmet.is_empty();
        verdicts.push(Verdict { rule, unmet });
        if decides {
            break;
        }
    }
    let Some(rule) = verdicts.last().filter(|verdict| verdict.unmet.is_empty()).map(|verdict| &verdict.rule)
    else {
        return Ok(nothing(Outcome::NoRule, verdicts));
    };
    let judged = judged(app, &mut connection, tenant_id, &case, rule, None).await?;
    let fallback_team_id = store::team::fallback(&mut connection, tenant_id, team_id).await?.flatten();
    let been: HashSet<(Uuid, Uuid)> =
        store::queue::been(&mut connection, tenant_id, &[case.id]).await?.into_iter().collect();
    let team = Team { id: team_id, fallback_team_id, people: Vec::new() };
    let fallback = fallback_team(rule, &team, &case, &been).zip(rule.fallback_at(&case));
    let best = judged.first().filter(|(judged, _)| judged.is_routable());
    let outcome = match best {
        Some((judged, _)) => Outcome::Given(judged.agent_id),
        None if fallback.is_some_and(|(_, at)| at <= now) => Outcome::Fallback,
        None => Outcome::Waits,
    };
    Ok(Explained { outcome, verdicts, fallback, judged })
}
