//! What routing answers becomes messages.

use tandem_proto::assignment::v1 as proto;

use super::convert::{text, texts, timestamp};
use crate::domain::routing::{Candidates, Explained, Judged, Kind, Outcome, Person, Rule, Verdict};

pub fn rule(rule: Rule) -> proto::RoutingRule {
    proto::RoutingRule {
        id: rule.id.to_string(),
        display_name: rule.display_name,
        enabled: rule.enabled,
        place: rule.place,
        channel_ids: texts(&rule.channel_ids),
        team_ids: texts(&rule.team_ids),
        priorities: rule.priorities.into_iter().map(|priority| priority.number().into()).collect(),
        languages: rule.languages,
        customer_tag_ids: texts(&rule.customer_tag_ids),
        hand_off_reasons: rule.hand_off_reasons.into_iter().map(|reason| reason.number().into()).collect(),
        strategy: rule.strategy.number().into(),
        required_skills: rule
            .required_skills
            .into_iter()
            .map(|skill| proto::Skill { name: skill.name, level: skill.level })
            .collect(),
        preferred_skills: rule.preferred_skills,
        language_required: rule.language_required,
        fallback_after: (rule.fallback_after_s > 0)
            .then(|| prost_types::Duration { seconds: rule.fallback_after_s.into(), nanos: 0 }),
        fallback_team_id: text(rule.fallback_team_id),
        create_time: Some(timestamp(rule.created_at)),
        etag: rule.version.to_string(),
    }
}

pub fn candidates(found: Candidates) -> proto::ListCandidatesResponse {
    proto::ListCandidatesResponse { candidates: judged(found.judged), rule_id: text(found.rule_id) }
}

pub fn explained(explained: Explained) -> proto::ExplainRoutingResponse {
    let (outcome, agent_id) = match explained.outcome {
        Outcome::Given(agent_id) => (proto::RoutingOutcome::Given, agent_id.to_string()),
        Outcome::Waits => (proto::RoutingOutcome::Waits, String::new()),
        Outcome::Fallback => (proto::RoutingOutcome::Fallback, String::new()),
        Outcome::NoRule => (proto::RoutingOutcome::NoRule, String::new()),
        Outcome::NotQueued => (proto::RoutingOutcome::NotQueued, String::new()),
    };
    proto::ExplainRoutingResponse {
        outcome: outcome.into(),
        rules: explained.verdicts.into_iter().map(verdict).collect(),
        agent_id,
        fallback_team_id: text(explained.fallback.map(|(team_id, _)| team_id)),
        fallback_time: explained.fallback.map(|(_, at)| timestamp(at)),
        candidates: judged(explained.judged),
    }
}

fn verdict(verdict: Verdict) -> proto::RuleVerdict {
    proto::RuleVerdict {
        rule_id: text(Some(verdict.rule.id).filter(|id| !id.is_nil())),
        display_name: verdict.rule.display_name,
        decides: verdict.unmet.is_empty(),
        unmet: verdict.unmet.into_iter().map(str::to_owned).collect(),
    }
}

fn judged(judged: Vec<(Judged, Person)>) -> Vec<proto::Candidate> {
    judged.into_iter().map(|(judged, person)| candidate(judged, person)).collect()
}

fn candidate(judged: Judged, person: Person) -> proto::Candidate {
    proto::Candidate {
        agent_id: judged.agent_id.to_string(),
        display_name: person.name,
        routable: judged.is_routable(),
        reasons: judged
            .reasons
            .into_iter()
            .map(|reason| proto::CandidateReason {
                kind: kind(reason.kind).into(),
                against: reason.against,
                detail: reason.detail,
            })
            .collect(),
        held: i32::try_from(person.held).unwrap_or(i32::MAX),
        capacity: person.capacity,
        presence: person.presence.number().into(),
    }
}

fn kind(kind: Kind) -> proto::CandidateReasonKind {
    match kind {
        Kind::Skill => proto::CandidateReasonKind::Skill,
        Kind::Language => proto::CandidateReasonKind::Language,
        Kind::Load => proto::CandidateReasonKind::Load,
        Kind::Presence => proto::CandidateReasonKind::Presence,
        Kind::HelpedBefore => proto::CandidateReasonKind::HelpedBefore,
        Kind::HoldsIt => proto::CandidateReasonKind::HoldsIt,
        Kind::WorkingHours => proto::CandidateReasonKind::WorkingHours,
    }
}
