//! What a pass does with a team's queue. Pure.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::rank::{Helped, rank};
use super::rule::deciding;
use super::{Case, Judged, Person, Rule};

/// A team as a pass sees it.
#[derive(Debug, Clone)]
pub struct Team {
    pub id: Uuid,
    pub fallback_team_id: Option<Uuid>,
    /// The members who are there.
    pub people: Vec<Person>,
}

impl Team {
    pub fn has_room(&self) -> bool {
        self.people.iter().any(Person::is_free)
    }
}

/// What to do with one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// To an agent, whose turn is noted as of this time.
    Give { agent_id: Uuid, turn: DateTime<Utc> },
    /// On to another team's queue.
    Fallback { team_id: Uuid },
}

/// The moves for conversations in the order of the queue. Takes the room of who is given something, and their turn.
///
/// `been`: where each conversation was queued since a person or the AI held it.
pub fn plan(
    now: DateTime<Utc>,
    rules: &[Rule],
    team: &mut Team,
    cases: &[Case],
    helped: &HashMap<Uuid, Helped>,
    been: &HashSet<(Uuid, Uuid)>,
) -> Vec<(usize, Move)> {
    let nobody = Helped::new();
    let mut moves = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let Some(rule) = deciding(rules, case) else { continue };
        let known = case.customer_id.and_then(|customer_id| helped.get(&customer_id)).unwrap_or(&nobody);
        // Who has no room is not looked at: a long queue must not cost what a long team does.
        let free = team.people.iter().filter(|person| person.is_free());
        let best = rank(case, rule, free, known).into_iter().next().filter(Judged::is_routable);
        if let Some(best) = best {
            // Turns of one pass follow each other.
            let turn = now + TimeDelta::microseconds(i64::try_from(moves.len()).unwrap_or_default());
            if let Some(person) = team.people.iter_mut().find(|person| person.id == best.agent_id) {
                person.held += 1;
                person.routed_at = Some(turn);
            }
            moves.push((index, Move::Give { agent_id: best.agent_id, turn }));
        } else if let Some(team_id) = fallback(now, rule, team, case, been) {
            moves.push((index, Move::Fallback { team_id }));
        }
    }
    moves
}

/// Where a conversation goes on to now, if it has waited long enough.
pub fn fallback(
    now: DateTime<Utc>,
    rule: &Rule,
    team: &Team,
    case: &Case,
    been: &HashSet<(Uuid, Uuid)>,
) -> Option<Uuid> {
    rule.fallback_at(case).filter(|at| *at <= now)?;
    fallback_team(rule, team, case, been)
}

/// Where a conversation goes on to in the end, if anywhere: to no team twice.
pub fn fallback_team(rule: &Rule, team: &Team, case: &Case, been: &HashSet<(Uuid, Uuid)>) -> Option<Uuid> {
    rule.fallback_team_id
        .or(team.fallback_team_id)
        .filter(|team_id| *team_id != team.id && !been.contains(&(case.id, *team_id)))
}
