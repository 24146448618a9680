//! Attributes: what a tenant keeps about its customers, by typed definitions. Values are kept under a definition's id.

mod create;
mod delete;
mod list;
mod update;
mod value;
mod wish;

pub use create::{Create, create};
pub use delete::delete;
pub use list::list;
pub use update::{Update, update};
pub use value::Kind;
pub use wish::Wish;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Definitions that a tenant may have. A check of the database says the same.
pub const MOST_OF_TENANT: i32 = 100;

/// One attribute that customers may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub id: Uuid,
    pub key: String,
    pub title: String,
    pub kind: Kind,
    /// For one of a list alone.
    pub options: Vec<String>,
    /// The etag.
    pub version: i64,
    pub created_at: DateTime<Utc>,
}
