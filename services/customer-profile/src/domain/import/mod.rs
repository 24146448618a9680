//! Records of another system that become customers, before these ever write.
//!
//! A record is known again by the business's own id of the person. Of each field a hash of what the last import said is kept:
//! where the profile still says that, a new record changes it; where people said something else since, their word stands. So
//! importing a file again changes nothing, and importing a newer one changes what is new in it. What a record says goes where
//! people's words go, to who stands for its customer; its addresses stay with it, as a contact's do. No import makes two
//! customers one.

mod plan;
mod run;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tandem_fault::Violations;
use tandem_request_log as request_log;
use uuid::Uuid;

use super::Change;
use super::address::Address;
use super::attribute::Wish;
use super::tag::TagName;

pub use plan::{Plan, Said, State};
pub use run::import;

/// Records to take in.
#[derive(Debug)]
pub struct Import {
    pub request: request_log::Request,
    pub records: Vec<Record>,
    pub by_subject: String,
    /// Tells what would become of them, and writes nothing.
    pub validate_only: bool,
}

/// What another system knows of one person, as far as it could be read.
#[derive(Debug, Default)]
pub struct Record {
    pub external_id: String,
    /// What is said, never empty.
    pub texts: BTreeMap<Text, String>,
    pub addresses: Vec<Address>,
    pub tags: Vec<TagName>,
    pub attributes: Wish,
    /// What could not be read.
    pub wrong: Violations,
}

/// A line that a profile has one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    DisplayName,
    Language,
    TimeZone,
    Company,
    Category,
}

impl Text {
    pub const ALL: [Self; 5] =
        [Self::DisplayName, Self::Language, Self::TimeZone, Self::Company, Self::Category];

    /// The field's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Language => "language",
            Self::TimeZone => "time_zone",
            Self::Company => "company",
            Self::Category => "category",
        }
    }
}

/// What became of all, in the order of the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    pub outcomes: Vec<Outcome>,
    pub change: Option<Change>,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Imported {
        /// Who stands for it.
        customer_id: Uuid,
        effect: Effect,
        /// Where people said something else.
        kept: Vec<String>,
    },
    /// Fields, and what each must be.
    Invalid(Vec<(String, String)>),
    /// It would carry more tags than it may.
    TooManyTags,
    Erased,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    Created,
    Updated,
    Unchanged,
}
