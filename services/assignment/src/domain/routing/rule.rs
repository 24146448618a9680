use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Case;
use crate::domain::kinds::{HandOffReason, Priority, Strategy};
use crate::domain::model::Skill;

/// How queued conversations of a kind find their agent. An empty condition holds always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub id: Uuid,
    pub display_name: String,
    pub enabled: bool,
    pub place: i32,
    pub channel_ids: Vec<Uuid>,
    pub team_ids: Vec<Uuid>,
    pub priorities: Vec<Priority>,
    pub languages: Vec<String>,
    pub customer_tag_ids: Vec<Uuid>,
    pub hand_off_reasons: Vec<HandOffReason>,
    pub strategy: Strategy,
    pub required_skills: Vec<Skill>,
    pub preferred_skills: Vec<String>,
    pub language_required: bool,
    /// 0: never.
    pub fallback_after_s: i32,
    pub fallback_team_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub version: i64,
}

impl Rule {
    /// Demands nothing and decides about everything: whoever helped the customer before comes first.
    pub fn default_at(now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::nil(),
            display_name: String::new(),
            enabled: true,
            place: 0,
            channel_ids: Vec::new(),
            team_ids: Vec::new(),
            priorities: Vec::new(),
            languages: Vec::new(),
            customer_tag_ids: Vec::new(),
            hand_off_reasons: Vec::new(),
            strategy: Strategy::LastAgentFirst,
            required_skills: Vec::new(),
            preferred_skills: Vec::new(),
            language_required: false,
            fallback_after_s: 0,
            fallback_team_id: None,
            created_at: now,
            version: 1,
        }
    }

    /// The conditions that do not hold, by the name of their field.
    pub fn unmet(&self, case: &Case) -> Vec<&'static str> {
        let language =
            self.languages.is_empty() || self.languages.iter().any(|range| within(range, &case.language));
        let tags = self.customer_tag_ids.is_empty()
            || self.customer_tag_ids.iter().any(|tag| case.customer_tag_ids.contains(tag));
        [
            ("enabled", self.enabled),
            ("channel_ids", holds(&self.channel_ids, Some(&case.channel_id))),
            ("team_ids", holds(&self.team_ids, case.holder.team_id().as_ref())),
            ("priorities", holds(&self.priorities, Some(&case.priority))),
            ("languages", language),
            ("customer_tag_ids", tags),
            ("hand_off_reasons", holds(&self.hand_off_reasons, case.hand_off_reason.as_ref())),
        ]
        .into_iter()
        .filter_map(|(field, met)| (!met).then_some(field))
        .collect()
    }

    /// When a conversation goes on to another team's queue if nobody could take it.
    pub fn fallback_at(&self, case: &Case) -> Option<DateTime<Utc>> {
        (self.fallback_after_s > 0)
            .then(|| case.holder_since + TimeDelta::seconds(self.fallback_after_s.into()))
    }
}

/// The first rule that decides about a conversation.
pub fn deciding<'a>(rules: &'a [Rule], case: &Case) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.unmet(case).is_empty())
}

fn holds<T: PartialEq>(condition: &[T], value: Option<&T>) -> bool {
    condition.is_empty() || value.is_some_and(|value| condition.contains(value))
}

/// Whether a tag lies in a language range (RFC 4647, basic filtering): `pt` covers `pt-BR`.
fn within(range: &str, tag: &str) -> bool {
    match tag.get(..range.len()) {
        Some(start) if start.eq_ignore_ascii_case(range) => matches!(tag.as_bytes().get(range.len()), None | Some(b'-')),
        _ => false,
    }
}

/// Whether who speaks `spoken` can answer in `wanted`: the same primary language.
pub fn speaks(spoken: &str, wanted: &str) -> bool {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    primary(spoken) == primary(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        for (range, tag, inside) in
            [("pt", "pt-BR", true), ("PT", "pt", true), ("pt-BR", "pt", false), ("p", "pt", false), ("de", "", false)]
        {
            assert_eq!(within(range, tag), inside, "{range} {tag}");
        }
        assert!(speaks("pt-BR", "pt-PT") && speaks("DE", "de-AT") && !speaks("de", "nl"));
    }
}
