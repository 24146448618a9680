use std::collections::HashSet;

use tandem_fault::Violations;

use crate::domain::check::{folded, is_email, is_language, is_name, is_time_zone};
use crate::domain::model::{Agent, MOST_HELD, Skill};

/// What can be changed of an agent.
#[derive(Debug, Clone, Default)]
pub struct Values {
    pub display_name: String,
    pub email: String,
    pub capacity: i32,
    pub languages: Vec<String>,
    pub skills: Vec<Skill>,
    pub time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    DisplayName,
    Email,
    Capacity,
    Languages,
    Skills,
    TimeZone,
}

impl Field {
    pub const ALL: [Self; 6] =
        [Self::DisplayName, Self::Email, Self::Capacity, Self::Languages, Self::Skills, Self::TimeZone];

    /// The path in an update mask.
    pub const fn path(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Email => "email",
            Self::Capacity => "capacity",
            Self::Languages => "languages",
            Self::Skills => "skills",
            Self::TimeZone => "time_zone",
        }
    }
}

impl Values {
    /// Notes what is wrong with the given fields.
    pub fn check(&self, fields: &[Field], violations: &mut Violations) {
        for field in fields {
            match field {
                Field::DisplayName => {
                    violations.check(
                        is_name(&self.display_name, 200),
                        "display_name",
                        "must be 1 to 200 characters",
                    );
                }
                Field::Email => {
                    violations.check(is_email(&self.email), "email", "must be an e-mail address or empty");
                }
                Field::Capacity => {
                    let known = (0..=MOST_HELD).contains(&self.capacity);
                    violations.check(known, "capacity", "must be 0 to 1,000");
                }
                Field::Languages => self.check_languages(violations),
                Field::Skills => self.check_skills(violations),
                Field::TimeZone => {
                    let known = is_time_zone(&self.time_zone);
                    violations.check(known, "time_zone", "must be the name of an IANA time zone or empty");
                }
            }
        }
    }

    fn check_languages(&self, violations: &mut Violations) {
        violations.check(self.languages.len() <= 20, "languages", "must be at most 20");
        let mut seen = HashSet::new();
        for (index, language) in self.languages.iter().enumerate() {
            let field = format!("languages[{index}]");
            violations.check(is_language(language), &field, "must be a BCP 47 tag");
            violations.check(seen.insert(folded(language)), &field, "stands twice");
        }
    }

    fn check_skills(&self, violations: &mut Violations) {
        violations.check(self.skills.len() <= 50, "skills", "must be at most 50");
        let mut seen = HashSet::new();
        for (index, skill) in self.skills.iter().enumerate() {
            let field = format!("skills[{index}].name");
            violations.check(is_name(&skill.name, 64), &field, "must be 1 to 64 characters");
            violations.check(seen.insert(folded(&skill.name)), &field, "stands twice");
            let level = (1..=5).contains(&skill.level);
            violations.check(level, &format!("skills[{index}].level"), "must be 1 to 5");
        }
    }

    /// Puts the given fields into an agent.
    pub fn put(self, fields: &[Field], agent: &mut Agent) {
        for field in fields {
            match field {
                Field::DisplayName => agent.display_name.clone_from(&self.display_name),
                Field::Email => agent.email.clone_from(&self.email),
                Field::Capacity => agent.capacity = self.capacity,
                Field::Languages => agent.languages.clone_from(&self.languages),
                Field::Skills => agent.skills.clone_from(&self.skills),
                Field::TimeZone => agent.time_zone.clone_from(&self.time_zone),
            }
        }
    }
}
