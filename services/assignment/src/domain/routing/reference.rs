//! Routing against a plain reference, over random directories, rules and queues.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::{Just, any, prop_oneof};
use proptest::sample::{select, subsequence};
use proptest::strategy::Strategy as Arbitrarily;
use proptest::test_runner::Config as ProptestConfig;
use proptest::{prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

use super::plan::{Move, Team, plan};
use super::rank::Helped;
use super::{Case, Person, Rule};
use crate::domain::check::folded;
use crate::domain::kinds::{HandOffReason, Presence, Priority, Status, Strategy};
use crate::domain::model::{Holder, Skill};

const TEAM: Uuid = Uuid::from_u128(0x7ea);
const OTHER_TEAM: Uuid = Uuid::from_u128(0x7eb);
const SKILLS: [&str; 3] = ["Refunds", "billing", "VIP"];
const LANGUAGES: [&str; 4] = ["de", "pt-BR", "pt", "en"];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn id(kind: u128, number: u128) -> Uuid {
    Uuid::from_u128((kind << 64) | number)
}

fn ago() -> impl Arbitrarily<Value = DateTime<Utc>> {
    (0..5_i64).prop_map(|minutes| now() - TimeDelta::minutes(minutes))
}

fn person(number: u128) -> impl Arbitrarily<Value = Person> {
    (
        prop_oneof![4 => Just(Presence::Online), 1 => select(vec![Presence::Busy, Presence::Away, Presence::Offline])],
        0..4_i32,
        0..4_i64,
        subsequence(LANGUAGES.to_vec(), 0..3),
        proptest::collection::hash_map(select(SKILLS.to_vec()), 1..6_i32, 0..3),
        (proptest::option::of(ago()), any::<bool>()),
    )
        .prop_map(move |(presence, capacity, held, languages, skills, (routed_at, in_hours))| Person {
            id: id(1, number),
            name: number.to_string(),
            presence,
            capacity,
            held,
            languages: languages.into_iter().map(str::to_owned).collect(),
            // The case of a skill's name does not count.
            skills: skills.into_iter().map(|(name, level)| Skill { name: folded(name), level }).collect(),
            routed_at,
            in_hours,
        })
}

fn case(number: u128) -> impl Arbitrarily<Value = Case> {
    (
        (select(vec![1, 2]), select(vec![Priority::Low, Priority::Normal, Priority::Urgent])),
        proptest::option::of(select(vec![HandOffReason::Complex, HandOffReason::Sensitive])),
        proptest::option::of(0..3_u128),
        subsequence(vec![1, 2], 0..=2),
        select(vec!["", "de", "pt-PT", "nl"]),
        select(vec!["", "refunds", "vip", "chess"]),
        ago(),
    )
        .prop_map(move |((channel, priority), reason, customer, tags, language, skill, since)| Case {
            id: id(2, number),
            channel_id: id(3, channel),
            status: Status::Open,
            holder: Holder::team(TEAM),
            holder_since: since,
            epoch: 2,
            priority,
            hand_off_reason: reason,
            customer_id: customer.map(|customer| id(4, customer)),
            customer_tag_ids: tags.into_iter().map(|tag| id(5, tag)).collect(),
            language: language.to_owned(),
            skill: skill.to_owned(),
        })
}

fn rule(number: u128) -> impl Arbitrarily<Value = Rule> {
    let conditions = (
        subsequence(vec![id(3, 1)], 0..=1),
        subsequence(vec![Priority::Urgent], 0..=1),
        subsequence(vec!["pt", "de"], 0..=1),
        subsequence(vec![id(5, 1)], 0..=1),
        subsequence(vec![HandOffReason::Complex], 0..=1),
        select(vec![true, true, true, false]),
    );
    let demands = (
        select(vec![
            Strategy::RoundRobin,
            Strategy::LeastLoaded,
            Strategy::MostSkilled,
            Strategy::LastAgentFirst,
        ]),
        proptest::collection::vec(
            (select(SKILLS.to_vec()), 1..4_i32)
                .prop_map(|(name, level)| Skill { name: name.to_owned(), level }),
            0..2,
        ),
        subsequence(SKILLS.to_vec(), 0..3),
        any::<bool>(),
        select(vec![0, 60, 180]),
        proptest::option::of(select(vec![TEAM, OTHER_TEAM])),
    );
    (conditions, demands).prop_map(move |(conditions, demands)| {
        let (channel_ids, priorities, languages, customer_tag_ids, hand_off_reasons, enabled) = conditions;
        let (strategy, required_skills, preferred, language_required, fallback_after_s, fallback_team_id) =
            demands;
        Rule {
            id: id(6, number),
            enabled,
            channel_ids,
            priorities,
            languages: languages.into_iter().map(str::to_owned).collect(),
            customer_tag_ids,
            hand_off_reasons,
            strategy,
            required_skills,
            preferred_skills: preferred.into_iter().map(str::to_owned).collect(),
            language_required,
            fallback_after_s,
            fallback_team_id,
            ..Rule::default_at(now())
        }
    })
}

#[derive(Debug, Clone)]
struct World {
    people: Vec<Person>,
    cases: Vec<Case>,
    rules: Vec<Rule>,
    helped: HashMap<Uuid, Helped>,
    been: HashSet<(Uuid, Uuid)>,
    fallback_team_id: Option<Uuid>,
}

fn world() -> impl Arbitrarily<Value = World> {
    let people = (0..7_u128).prop_flat_map(|count| (0..count).map(person).collect::<Vec<_>>());
    let cases = (0..10_u128).prop_flat_map(|count| (0..count).map(case).collect::<Vec<_>>());
    let rules = (1..4_u128).prop_flat_map(|count| (0..count).map(rule).collect::<Vec<_>>());
    let helped = proptest::collection::vec((0..3_u128, 0..7_u128, ago()), 0..6);
    let been = proptest::collection::vec(0..10_u128, 0..3);
    (people, cases, rules, helped, been, proptest::option::of(Just(OTHER_TEAM))).prop_map(
        |(people, cases, rules, helped, been, fallback_team_id)| {
            let mut known: HashMap<Uuid, Helped> = HashMap::new();
            for (customer, agent, at) in helped {
                known.entry(id(4, customer)).or_default().insert(id(1, agent), at);
            }
            let been = been.into_iter().map(|number| (id(2, number), OTHER_TEAM)).collect();
            World { people, cases, rules, helped: known, been, fallback_team_id }
        },
    )
}

fn level(person: &Person, name: &str) -> i32 {
    let same = |skill: &&Skill| skill.name.eq_ignore_ascii_case(name);
    person.skills.iter().find(same).map_or(0, |skill| skill.level)
}

fn understands(person: &Person, case: &Case) -> bool {
    person.languages.iter().any(|language| !case.language.is_empty() && language[..2] == case.language[..2])
}

fn preferred(rule: &Rule, case: &Case) -> Vec<String> {
    let mut names: Vec<String> = rule.preferred_skills.iter().map(|name| name.to_lowercase()).collect();
    if !case.skill.is_empty() && !names.contains(&case.skill) {
        names.push(case.skill.clone());
    }
    names
}

fn can(person: &Person, rule: &Rule, case: &Case) -> bool {
    let room = person.capacity == 0 || person.held < i64::from(person.capacity);
    let skilled = rule.required_skills.iter().all(|skill| level(person, &skill.name) >= skill.level);
    let language = case.language.is_empty() || !rule.language_required || understands(person, case);
    person.presence == Presence::Online && room && skilled && language
}

/// Whether one comes before another, in the words of the proto.
fn before(a: &Person, b: &Person, rule: &Rule, case: &Case, helped: &Helped) -> bool {
    let names = preferred(rule, case);
    let has = |person: &Person| {
        names.iter().filter(|name| level(person, name) > 0).count() + usize::from(understands(person, case))
    };
    let points = |person: &Person| -> i32 {
        let required: i32 = rule.required_skills.iter().map(|skill| level(person, &skill.name)).sum();
        required + names.iter().map(|name| level(person, name)).sum::<i32>()
    };
    if rule.strategy == Strategy::MostSkilled && points(a) != points(b) {
        return points(a) > points(b);
    }
    if rule.strategy == Strategy::LastAgentFirst && helped.get(&a.id) != helped.get(&b.id) {
        return helped.get(&a.id) > helped.get(&b.id);
    }
    if has(a) != has(b) {
        return has(a) > has(b);
    }
    if a.in_hours != b.in_hours {
        return a.in_hours;
    }
    if rule.strategy != Strategy::RoundRobin && a.held != b.held {
        return a.held < b.held;
    }
    match (a.routed_at, b.routed_at) {
        (Some(a_turn), Some(b_turn)) if a_turn != b_turn => a_turn < b_turn,
        (None, Some(_)) => true,
        (Some(_), None) => false,
        _ => a.id < b.id,
    }
}

fn decides(rule: &Rule, case: &Case) -> bool {
    let mut all = vec![rule.enabled];
    if !rule.channel_ids.is_empty() {
        all.push(rule.channel_ids.contains(&case.channel_id));
    }
    if !rule.priorities.is_empty() {
        all.push(rule.priorities.contains(&case.priority));
    }
    if !rule.languages.is_empty() {
        all.push(rule.languages.iter().any(|range| case.language.starts_with(range.as_str())));
    }
    if !rule.customer_tag_ids.is_empty() {
        all.push(case.customer_tag_ids.iter().any(|tag| rule.customer_tag_ids.contains(tag)));
    }
    if !rule.hand_off_reasons.is_empty() {
        all.push(case.hand_off_reason.is_some_and(|reason| rule.hand_off_reasons.contains(&reason)));
    }
    all.into_iter().all(|met| met)
}

/// Where each conversation goes: to an agent, to another team, or nowhere.
fn reference(world: &World) -> Vec<(usize, Option<Uuid>, Option<Uuid>)> {
    let mut people = world.people.clone();
    let mut moves = Vec::new();
    for (index, case) in world.cases.iter().enumerate() {
        let Some(rule) = world.rules.iter().find(|rule| decides(rule, case)) else { continue };
        let nobody = Helped::new();
        let helped = case.customer_id.and_then(|customer| world.helped.get(&customer)).unwrap_or(&nobody);
        let able: Vec<Person> = people.iter().filter(|person| can(person, rule, case)).cloned().collect();
        let first = able.iter().find(|one| {
            able.iter().all(|other| other.id == one.id || before(one, other, rule, case, helped))
        });
        if let Some(first) = first {
            let chosen = people.iter_mut().find(|person| person.id == first.id).unwrap();
            chosen.held += 1;
            chosen.routed_at = Some(now() + TimeDelta::microseconds(moves.len() as i64));
            moves.push((index, Some(first.id), None));
            continue;
        }
        let waited = (now() - case.holder_since).num_seconds();
        let on_to = rule.fallback_team_id.or(world.fallback_team_id);
        if rule.fallback_after_s > 0
            && waited >= i64::from(rule.fallback_after_s)
            && let Some(on_to) = on_to
            && on_to != TEAM
            && !world.been.contains(&(case.id, on_to))
        {
            moves.push((index, None, Some(on_to)));
        }
    }
    moves
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn routing_does_what_the_plain_reference_does(world in world()) {
        let mut team =
            Team { id: TEAM, fallback_team_id: world.fallback_team_id, people: world.people.clone() };
        let moves = plan(now(), &world.rules, &mut team, &world.cases, &world.helped, &world.been);
        let plain: Vec<_> = moves
            .iter()
            .map(|(index, step)| match step {
                Move::Give { agent_id, .. } => (*index, Some(*agent_id), None),
                Move::Fallback { team_id } => (*index, None, Some(*team_id)),
            })
            .collect();
        prop_assert_eq!(plain, reference(&world));
        for (before, after) in world.people.iter().zip(&team.people) {
            let most = i64::from(before.capacity).max(before.held);
            prop_assert!(before.capacity == 0 || after.held <= most, "over capacity: {after:?}");
        }
    }
}
