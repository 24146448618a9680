use std::collections::HashSet;

use tandem_database::{Connection, Result};
use tandem_fault::Violations;
use uuid::Uuid;

use super::Rule;
use crate::domain::check::{folded, is_language, is_name};
use crate::domain::kinds::{HandOffReason, Priority, Strategy};
use crate::domain::model::Skill;
use crate::store;

/// The longest that a rule may wait for its fallback: a week.
const MOST_WAIT_S: i32 = 7 * 24 * 60 * 60;

/// What can be changed of a rule.
#[derive(Debug, Clone)]
pub struct Values {
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
    pub fallback_after_s: i32,
    pub fallback_team_id: Option<Uuid>,
}

macro_rules! fields {
    ($($variant:ident $field:ident $path:literal,)*) => {
        /// A field that can be changed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Field { $($variant,)* }

        impl Field {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The path in an update mask.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)* }
            }
        }

        impl Values {
            /// Puts the given fields into a rule.
            pub fn put(self, fields: &[Field], rule: &mut Rule) {
                $(if fields.contains(&Field::$variant) { rule.$field = self.$field; })*
            }
        }
    };
}

// Fifteen fields that differ by nothing but their names.
fields! {
    DisplayName display_name "display_name",
    Enabled enabled "enabled",
    Place place "place",
    ChannelIds channel_ids "channel_ids",
    TeamIds team_ids "team_ids",
    Priorities priorities "priorities",
    Languages languages "languages",
    CustomerTagIds customer_tag_ids "customer_tag_ids",
    HandOffReasons hand_off_reasons "hand_off_reasons",
    Strategy strategy "strategy",
    RequiredSkills required_skills "required_skills",
    PreferredSkills preferred_skills "preferred_skills",
    LanguageRequired language_required "language_required",
    FallbackAfter fallback_after_s "fallback_after",
    FallbackTeamId fallback_team_id "fallback_team_id",
}

impl Values {
    /// Notes what is wrong with the given fields.
    pub fn check(&self, fields: &[Field], violations: &mut Violations) {
        for field in fields {
            let path = field.path();
            match field {
                Field::DisplayName => {
                    violations.check(is_name(&self.display_name, 200), path, "must be 1 to 200 characters");
                }
                Field::Place => {
                    violations.check((0..=1_000).contains(&self.place), path, "must be 0 to 1,000");
                }
                Field::ChannelIds => most(violations, path, self.channel_ids.len(), 100),
                Field::TeamIds => most(violations, path, self.team_ids.len(), 100),
                Field::CustomerTagIds => most(violations, path, self.customer_tag_ids.len(), 100),
                Field::Priorities => most(violations, path, self.priorities.len(), 4),
                Field::HandOffReasons => most(violations, path, self.hand_off_reasons.len(), 7),
                Field::Languages => {
                    most(violations, path, self.languages.len(), 20);
                    for (index, language) in self.languages.iter().enumerate() {
                        let known = is_language(language);
                        violations.check(known, &format!("{path}[{index}]"), "must be a BCP 47 tag");
                    }
                }
                Field::RequiredSkills => self.check_required(violations),
                Field::PreferredSkills => {
                    let names = self.preferred_skills.iter().map(String::as_str);
                    skills(violations, names, |index| format!("{path}[{index}]"), path);
                }
                Field::FallbackAfter => {
                    let known = (0..=MOST_WAIT_S).contains(&self.fallback_after_s);
                    violations.check(known, path, "must be whole seconds, 1 second to 7 days, or unset");
                }
                Field::Enabled | Field::Strategy | Field::LanguageRequired | Field::FallbackTeamId => {}
            }
        }
    }

    fn check_required(&self, violations: &mut Violations) {
        let names = self.required_skills.iter().map(|skill| skill.name.as_str());
        skills(violations, names, |index| format!("required_skills[{index}].name"), "required_skills");
        for (index, skill) in self.required_skills.iter().enumerate() {
            let field = format!("required_skills[{index}].level");
            violations.check((1..=5).contains(&skill.level), &field, "must be 1 to 5");
        }
    }

    /// Notes what is not there: the teams. Channels and tags are others' to know.
    ///
    /// Errors: `INVALID_FIELDS`.
    pub async fn check_known(
        &self,
        connection: &mut Connection,
        tenant_id: Uuid,
        fields: &[Field],
    ) -> Result<()> {
        let mut violations = Violations::new();
        let named: Vec<Uuid> = self.team_ids.iter().copied().chain(self.fallback_team_id).collect();
        let known = store::team::existing(connection, tenant_id, &named).await?;
        if fields.contains(&Field::TeamIds) {
            for (index, id) in self.team_ids.iter().enumerate() {
                violations.check(known.contains(id), &format!("rule.team_ids[{index}]"), "must be a team");
            }
        }
        if fields.contains(&Field::FallbackTeamId)
            && let Some(id) = self.fallback_team_id
        {
            violations.check(known.contains(&id), "rule.fallback_team_id", "must be a team");
        }
        Ok(violations.finish()?)
    }
}

fn most(violations: &mut Violations, path: &str, count: usize, most: usize) {
    violations.check(count <= most, path, &format!("must be at most {most}"));
}

fn skills<'a>(
    violations: &mut Violations,
    names: impl Iterator<Item = &'a str>,
    field: impl Fn(usize) -> String,
    path: &str,
) {
    let mut seen = HashSet::new();
    for (index, name) in names.enumerate() {
        violations.check(is_name(name, 64), &field(index), "must be 1 to 64 characters");
        violations.check(seen.insert(folded(name)), &field(index), "stands twice");
    }
    most(violations, path, seen.len(), 20);
}
