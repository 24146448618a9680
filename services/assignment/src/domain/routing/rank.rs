//! The order of the people who could take a conversation. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::rule::speaks;
use super::{Case, Person, Rule};
use crate::domain::check::folded;
use crate::domain::kinds::{Presence, Strategy};

/// When agents last helped a conversation's customer.
pub type Helped = HashMap<Uuid, DateTime<Utc>>;

/// One person as a rule sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    pub agent_id: Uuid,
    pub reasons: Vec<Reason>,
}

impl Judged {
    /// Whether nothing speaks against the person.
    pub fn is_routable(&self) -> bool {
        self.reasons.iter().all(|reason| !reason.against)
    }
}

/// One reason for or against a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub kind: Kind,
    pub against: bool,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Skill,
    Language,
    Load,
    Presence,
    HelpedBefore,
    HoldsIt,
    WorkingHours,
}

/// Where a person stands: who speaks nothing against comes first, then by what the strategy asks, then by what is preferred,
/// the working hours, the load, the turn, and in the end the id, so that the order is one.
type Place = (bool, Reverse<i64>, Reverse<usize>, bool, i64, Option<DateTime<Utc>>, Uuid);

/// People in the order in which a rule gives them a conversation, with the reasons.
pub fn rank<'a>(
    case: &Case,
    rule: &Rule,
    people: impl Iterator<Item = &'a Person>,
    helped: &Helped,
) -> Vec<Judged> {
    let mut placed: Vec<(Place, Judged)> =
        people.map(|person| judge(case, rule, person, helped.get(&person.id).copied())).collect();
    placed.sort_unstable_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, judged)| judged).collect()
}

fn judge(case: &Case, rule: &Rule, person: &Person, helped_at: Option<DateTime<Utc>>) -> (Place, Judged) {
    let mut reasons = Vec::new();
    let mut say = |kind, against, detail: String| reasons.push(Reason { kind, against, detail });
    let level = |name: &str| {
        let name = folded(name);
        person.skills.iter().find(|skill| skill.name == name).map_or(0, |skill| skill.level)
    };
    let (mut points, mut preferred) = (0, 0);
    for wanted in &rule.required_skills {
        let has = level(&wanted.name);
        points += i64::from(has);
        say(Kind::Skill, has < wanted.level, format!("{} {has}", wanted.name));
    }
    let suggested = Some(&case.skill).filter(|skill| !skill.is_empty());
    let known = |name: &&String| rule.preferred_skills.iter().all(|other| folded(other) != folded(name));
    for name in rule.preferred_skills.iter().chain(suggested.filter(known)) {
        let has = level(name);
        if has > 0 {
            points += i64::from(has);
            preferred += 1;
            say(Kind::Skill, false, format!("{name} {has}"));
        }
    }
    if !case.language.is_empty() {
        let can = person.languages.iter().any(|spoken| speaks(spoken, &case.language));
        if can || rule.language_required {
            say(Kind::Language, !can, case.language.clone());
        }
        preferred += usize::from(can);
    }
    if person.presence != Presence::Online {
        say(Kind::Presence, true, String::new());
    }
    match person.capacity {
        0 => say(Kind::Load, false, person.held.to_string()),
        capacity => say(Kind::Load, person.is_full(), format!("{} of {capacity}", person.held)),
    }
    // Who is online works: hours are no bar, but who has them comes first.
    say(Kind::WorkingHours, false, if person.in_hours { "open" } else { "closed" }.to_owned());
    if case.holder.agent_id() == Some(person.id) {
        say(Kind::HoldsIt, true, String::new());
    }
    if let Some(at) = helped_at {
        say(Kind::HelpedBefore, false, at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    }
    let judged = Judged { agent_id: person.id, reasons };
    let first = match rule.strategy {
        Strategy::RoundRobin | Strategy::LeastLoaded => 0,
        Strategy::MostSkilled => points,
        Strategy::LastAgentFirst => helped_at.map_or(i64::MIN, |at| at.timestamp_micros()),
    };
    let load = if rule.strategy == Strategy::RoundRobin { 0 } else { person.held };
    let place = (
        !judged.is_routable(),
        Reverse(first),
        Reverse(preferred),
        !person.in_hours,
        load,
        person.routed_at,
        person.id,
    );
    (place, judged)
}
