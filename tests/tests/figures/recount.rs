//! The figures by a plain count over messages and timelines.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use tandem_proto::assignment::v1::{FigureGroup, Figures, HandOffs, ResponseTimes};
use tandem_proto::conversation::v1::HolderChanged;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::r#type::v1::{
    Actor, ActorKind, ConversationStatus, HandOffReason, HolderChangeCause, HolderKind,
};
use tandem_tests::Suite;

/// Something to count.
#[derive(Debug, Clone)]
pub struct Fact {
    pub day: NaiveDate,
    pub channel: String,
    pub team: String,
    pub agent: String,
    pub ai: bool,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    Started,
    Response { millis: i64, first: bool },
    Closed { ai_alone: bool },
    Reopened,
    HandedOff(HandOffReason),
}

fn at(time: Option<prost_types::Timestamp>) -> DateTime<Utc> {
    let time = time.unwrap();
    DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned()).unwrap()
}

/// The changes of holder since a conversation started or was last reopened, up to an epoch.
fn span(changes: &[HolderChanged], epoch: i64) -> Vec<&HolderChanged> {
    let mut span = Vec::new();
    for change in changes.iter().filter(|change| change.epoch <= epoch) {
        if matches!(change.cause(), HolderChangeCause::Started | HolderChangeCause::Reopen) {
            span.clear();
        }
        span.push(change);
    }
    span
}

fn team_of(span: &[&HolderChanged]) -> String {
    let holders = span.iter().filter_map(|change| change.to.as_ref());
    holders.rev().find(|to| to.kind() == HolderKind::Team).map(|to| to.id.clone()).unwrap_or_default()
}

fn by_ai_alone(span: &[&HolderChanged]) -> bool {
    let kinds: BTreeSet<HolderKind> = span.iter().map(|change| change.to.as_ref().unwrap().kind()).collect();
    kinds.contains(&HolderKind::Ai)
        && kinds.is_disjoint(&BTreeSet::from([HolderKind::Agent, HolderKind::Team]))
}

/// The agent who did something, and whether the AI did.
fn doer(actor: Option<&Actor>) -> (String, bool) {
    let actor = actor.unwrap();
    let agent = if actor.kind() == ActorKind::Agent { actor.id.clone() } else { String::new() };
    (agent, actor.kind() == ActorKind::Ai)
}

/// What messages and timelines say.
pub async fn recount(suite: &Suite, ids: &BTreeSet<String>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for id in ids {
        let timeline = suite.timeline(id).await;
        let changes = timeline.iter().filter_map(|entry| match &entry.event {
            Some(Event::HolderChanged(change)) => Some(change.clone()),
            _ => None,
        });
        let changes: Vec<HolderChanged> = changes.collect();
        for entry in timeline {
            let (agent, ai) = doer(entry.actor.as_ref());
            let fact = |what, team: String| Fact {
                day: at(entry.time).date_naive(),
                channel: entry.channel_id.clone(),
                team,
                agent: agent.clone(),
                ai,
                what,
            };
            match entry.event.as_ref().unwrap() {
                Event::HolderChanged(change) => {
                    let to = change.to.as_ref().unwrap();
                    let of = |kind| if to.kind() == kind { to.id.clone() } else { String::new() };
                    let what = match change.cause() {
                        HolderChangeCause::Started => What::Started,
                        HolderChangeCause::HandOff => What::HandedOff(change.hand_off_reason()),
                        _ => continue,
                    };
                    let (agent, ai) = (of(HolderKind::Agent), false);
                    facts.push(Fact { agent, ai, ..fact(what, of(HolderKind::Team)) });
                }
                Event::StatusChanged(change) => {
                    let span = span(&changes, change.epoch);
                    if change.to() == ConversationStatus::Closed {
                        facts.push(fact(What::Closed { ai_alone: by_ai_alone(&span) }, team_of(&span)));
                    } else if change.from() == ConversationStatus::Closed {
                        facts.push(fact(What::Reopened, String::new()));
                    }
                }
                _ => {}
            }
        }
        for message in suite.messages(id).await {
            let Some(since) = message.waited_since else { continue };
            let stored = at(message.store_time);
            let (agent, ai) = doer(message.author.as_ref());
            let millis = (stored - at(Some(since))).num_milliseconds();
            facts.push(Fact {
                day: stored.date_naive(),
                channel: message.channel_id.clone(),
                team: team_of(&span(&changes, message.epoch)),
                agent,
                ai,
                what: What::Response { millis, first: message.first_response },
            });
        }
    }
    facts
}

/// The end of the class of a time: the first ends at a second, each 5 % later than the one before.
fn class_end(millis: i64) -> prost_types::Duration {
    let mut end = 1_000;
    while end < millis {
        end += end / 20;
    }
    prost_types::Duration { seconds: end / 1_000, nanos: i32::try_from(end % 1_000 * 1_000_000).unwrap() }
}

fn times(mut millis: Vec<i64>) -> ResponseTimes {
    millis.sort_unstable();
    let quantile = |hundredths: usize| {
        let rank = (millis.len() * hundredths).div_ceil(100);
        rank.checked_sub(1).map(|at| class_end(millis[at]))
    };
    let count = i64::try_from(millis.len()).unwrap();
    ResponseTimes { count, median: quantile(50), ninetieth: quantile(90) }
}

pub fn count(facts: &[Fact], is: impl Fn(What) -> bool) -> i64 {
    i64::try_from(facts.iter().filter(|fact| is(fact.what)).count()).unwrap()
}

/// What an answer's row must be.
fn row((key, ai): (String, bool), facts: &[Fact]) -> Figures {
    let responses = |firsts: bool| {
        let millis = facts.iter().filter_map(move |fact| match fact.what {
            What::Response { millis, first } if first || !firsts => Some(millis),
            _ => None,
        });
        Some(times(millis.collect()))
    };
    let (closed, alone) = (
        count(facts, |what| matches!(what, What::Closed { .. })),
        count(facts, |what| what == What::Closed { ai_alone: true }),
    );
    let mut reasons: BTreeMap<i32, i64> = BTreeMap::new();
    for fact in facts {
        if let What::HandedOff(reason) = fact.what {
            *reasons.entry(reason.into()).or_default() += 1;
        }
    }
    Figures {
        key,
        ai,
        started: count(facts, |what| what == What::Started),
        first_responses: responses(true),
        responses: responses(false),
        closed,
        closed_by_ai_alone: alone,
        ai_alone_share: if closed == 0 { 0.0 } else { alone as f64 / closed as f64 },
        reopened: count(facts, |what| what == What::Reopened),
        handed_off: reasons.into_iter().map(|(reason, count)| HandOffs { reason, count }).collect(),
    }
}

/// What an answer must be; groups without a name come first, the AI's last.
pub fn expected<'a>(facts: impl Iterator<Item = &'a Fact>, group: FigureGroup) -> Vec<Figures> {
    let mut groups: BTreeMap<(bool, String), Vec<Fact>> = BTreeMap::new();
    for fact in facts {
        let key = match group {
            FigureGroup::Unspecified => (false, String::new()),
            FigureGroup::Day => (false, fact.day.to_string()),
            FigureGroup::Channel => (false, fact.channel.clone()),
            FigureGroup::Team => (false, fact.team.clone()),
            FigureGroup::Agent => (fact.ai, if fact.ai { String::new() } else { fact.agent.clone() }),
        };
        groups.entry(key).or_default().push(fact.clone());
    }
    groups.into_iter().map(|((ai, key), facts)| row((key, ai), &facts)).collect()
}
