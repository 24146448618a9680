//! Messages become domain types, fallibly: every violation is collected before a call goes on.

use prost::Message;
use tandem_access::Caller;
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::conversation::v1::OpeningHours;
use tandem_request_log::Request;
use uuid::Uuid;

use crate::domain::agent;
use crate::domain::kinds::{HandOffReason, NotificationKind, Presence, Priority, Strategy};
use crate::domain::model::{Hours, ReturnRule, Skill};
use crate::domain::routing;
use crate::domain::team;

/// A UUID that must be there. The nil UUID stands in for a wrong one, which never leaves the parse.
pub fn id(violations: &mut Violations, field: &str, text: &str) -> Uuid {
    let parsed = text.parse().ok().filter(|id: &Uuid| !id.is_nil());
    violations.check(parsed.is_some(), field, "must be a UUID");
    parsed.unwrap_or_default()
}

/// A UUID or nothing.
pub fn maybe_id(violations: &mut Violations, field: &str, text: &str) -> Option<Uuid> {
    if text.is_empty() { None } else { Some(id(violations, field, text)) }
}

pub fn ids(violations: &mut Violations, field: &str, texts: &[String]) -> Vec<Uuid> {
    texts.iter().enumerate().map(|(index, text)| id(violations, &format!("{field}[{index}]"), text)).collect()
}

/// A presence that must be given. Offline stands in for a wrong one.
pub fn presence(violations: &mut Violations, field: &str, number: i32) -> Presence {
    let known = Presence::from_number(number);
    violations.check(known.is_some(), field, "must be a known presence");
    known.unwrap_or(Presence::Offline)
}

/// A page's size: 1 to 200, 0 means 50.
pub fn page_size(violations: &mut Violations, size: i32) -> i64 {
    violations.check((0..=200).contains(&size), "page_size", "must be 0 to 200");
    if size == 0 { 50 } else { size.into() }
}

/// The version that an etag names.
pub fn version(violations: &mut Violations, field: &str, etag: &str) -> i64 {
    let parsed = etag.parse().ok().filter(|version: &i64| *version > 0);
    violations.check(parsed.is_some(), field, "must be the etag that was read");
    parsed.unwrap_or_default()
}

/// A request of the log, over a message whose id, fences and etags are cleared.
pub fn request(
    caller: &Caller,
    scope: &'static str,
    id: Uuid,
    body: &impl Message,
) -> Result<Request, Fault> {
    Ok(Request::new(caller.tenant()?, scope, id, &body.encode_to_vec()))
}

/// The fields of an update mask.
pub fn mask<F: Copy + PartialEq>(
    violations: &mut Violations,
    mask: Option<&prost_types::FieldMask>,
    all: &[F],
    path: impl Fn(F) -> &'static str,
) -> Vec<F> {
    let paths = mask.map_or(&[][..], |mask| &mask.paths[..]);
    violations.check(!paths.is_empty(), "update_mask", "must name at least one field");
    let mut fields = Vec::new();
    for (index, name) in paths.iter().enumerate() {
        match all.iter().find(|field| path(**field) == name) {
            Some(field) if !fields.contains(field) => fields.push(*field),
            Some(_) => {}
            None => {
                violations.add(format!("update_mask.paths[{index}]"), "must be a field that can be changed");
            }
        }
    }
    fields
}

/// What can be changed of an agent, under `agent.` where it is wrong.
pub fn agent_values(
    violations: &mut Violations,
    agent: &proto::Agent,
    fields: &[agent::Field],
) -> agent::Values {
    let values = agent::Values {
        display_name: agent.display_name.clone(),
        email: agent.email.clone(),
        capacity: agent.capacity,
        languages: agent.languages.clone(),
        skills: skills(&agent.skills),
        time_zone: agent.time_zone.clone(),
    };
    let mut inner = Violations::new();
    values.check(fields, &mut inner);
    violations.nest("agent", inner);
    values
}

/// What can be changed of a team, under `team.` where it is wrong. Fields that the mask does not name are not read.
pub fn team_values(violations: &mut Violations, team: &proto::Team, fields: &[team::Field]) -> team::Values {
    let mut inner = Violations::new();
    let mut values = team::Values {
        display_name: team.display_name.clone(),
        all_channels: team.all_channels,
        return_rule: team.return_rule.as_ref().map_or_else(ReturnRule::default, return_rule),
        time_zone: team.time_zone.clone(),
        ..team::Values::default()
    };
    for field in fields {
        match field {
            team::Field::AgentIds => values.agent_ids = ids(&mut inner, "agent_ids", &team.agent_ids),
            team::Field::ChannelIds => values.channel_ids = ids(&mut inner, "channel_ids", &team.channel_ids),
            team::Field::LeadAgentId => {
                values.lead_agent_id = maybe_id(&mut inner, "lead_agent_id", &team.lead_agent_id);
            }
            team::Field::FallbackTeamId => {
                values.fallback_team_id = maybe_id(&mut inner, "fallback_team_id", &team.fallback_team_id);
            }
            team::Field::WorkingHours => {
                values.working_hours = team.working_hours.iter().map(hours).collect();
            }
            team::Field::DisplayName
            | team::Field::AllChannels
            | team::Field::ReturnRule
            | team::Field::TimeZone => {}
        }
    }
    values.check(fields, &mut inner);
    violations.nest("team", inner);
    values
}

fn skills(skills: &[proto::Skill]) -> Vec<Skill> {
    skills.iter().map(|skill| Skill { name: skill.name.clone(), level: skill.level }).collect()
}

/// What can be changed of a routing rule, under `rule.` where it is wrong. Fields that the mask does not name are not read.
pub fn rule_values(
    violations: &mut Violations,
    rule: &proto::RoutingRule,
    fields: &[routing::Field],
) -> routing::Values {
    let mut inner = Violations::new();
    let named = |field| fields.contains(&field);
    let read = |inner: &mut Violations, field: routing::Field, texts: &[String]| {
        if named(field) { ids(inner, field.path(), texts) } else { Vec::new() }
    };
    let strategy = Strategy::from_number(rule.strategy);
    if named(routing::Field::Strategy) {
        inner.check(strategy.is_some(), "strategy", "must be a known strategy");
    }
    let after = rule.fallback_after.unwrap_or_default();
    let whole = after.nanos == 0 && (rule.fallback_after.is_none() || after.seconds > 0);
    let values = routing::Values {
        display_name: rule.display_name.clone(),
        enabled: rule.enabled,
        place: rule.place,
        channel_ids: read(&mut inner, routing::Field::ChannelIds, &rule.channel_ids),
        team_ids: read(&mut inner, routing::Field::TeamIds, &rule.team_ids),
        priorities: kinds(
            &mut inner,
            routing::Field::Priorities.path(),
            if named(routing::Field::Priorities) { &rule.priorities } else { &[] },
            Priority::from_number,
        ),
        languages: rule.languages.clone(),
        customer_tag_ids: read(&mut inner, routing::Field::CustomerTagIds, &rule.customer_tag_ids),
        hand_off_reasons: kinds(
            &mut inner,
            routing::Field::HandOffReasons.path(),
            if named(routing::Field::HandOffReasons) { &rule.hand_off_reasons } else { &[] },
            HandOffReason::from_number,
        ),
        strategy: strategy.unwrap_or(Strategy::RoundRobin),
        required_skills: skills(&rule.required_skills),
        preferred_skills: rule.preferred_skills.clone(),
        language_required: rule.language_required,
        // What is no whole number of seconds stands as one that is refused.
        fallback_after_s: if whole { i32::try_from(after.seconds).unwrap_or(-1) } else { -1 },
        fallback_team_id: if named(routing::Field::FallbackTeamId) {
            maybe_id(&mut inner, "fallback_team_id", &rule.fallback_team_id)
        } else {
            None
        },
    };
    values.check(fields, &mut inner);
    violations.nest("rule", inner);
    values
}

fn kinds<T>(
    violations: &mut Violations,
    field: &str,
    numbers: &[i32],
    known: impl Fn(i32) -> Option<T>,
) -> Vec<T> {
    let read = numbers.iter().enumerate().filter_map(|(index, number)| {
        let kind = known(*number);
        violations.check(kind.is_some(), &format!("{field}[{index}]"), "must be a known value");
        kind
    });
    read.collect()
}

fn return_rule(rule: &proto::ReturnRule) -> ReturnRule {
    ReturnRule { away_after_s: rule.away_after_s, offline_after_s: rule.offline_after_s }
}

/// What is negative is out of every range.
fn hours(hours: &OpeningHours) -> Hours {
    let number = |number: i32| u32::try_from(number).unwrap_or(u32::MAX);
    Hours {
        weekday: number(hours.weekday),
        opens: number(hours.opens_minute),
        closes: number(hours.closes_minute),
    }
}

/// Kinds of notifications that an agent does not want, each once.
pub fn muted(preferences: Option<&proto::NotificationPreferences>) -> Result<Vec<NotificationKind>, Fault> {
    let mut violations = Violations::new();
    violations.check(preferences.is_some(), "preferences", "must be set");
    let given = preferences.map_or(&[][..], |preferences| &preferences.muted_kinds);
    violations.check(given.len() <= 20, "preferences.muted_kinds", "must be at most 20");
    let given = &given[..given.len().min(20)];
    let mut muted = kinds(&mut violations, "preferences.muted_kinds", given, NotificationKind::from_number);
    violations.finish()?;
    muted.sort_unstable();
    muted.dedup();
    Ok(muted)
}
