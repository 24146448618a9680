//! Which customers are one person.
//!
//! Customers whose contacts carry the same verified id of the business's own, or whose contacts alias each other, form
//! a set, and so do those that people merged, as long as they do not undo it. One of a set stands for it: the survivor
//! of the newest merge by people within it, or the oldest where people merged nothing. The others point to it and keep
//! what is theirs. Sets follow from the contacts' present states and the merges that hold alone, so they come out the
//! same in whatever order all that arrived.
//!
//! Who changes sets, the feed's consumer or people, holds the tenant's row of `merging` from before the first lock of a
//! customer until the commit ([`hold`]). So sets stand still while they are worked out, and several rows of customers
//! are only locked by one transaction of a tenant at a time, in the order of their keys.

mod list;
mod people;
mod restore;
mod sets;
mod settle;
mod undo;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::Key;

pub use list::{List, list};
pub use people::{MergeCustomers, already_merged, merge};
pub use restore::restore;
pub use sets::{said_name, sets};
pub use settle::{settle, surroundings};
pub use undo::{Undo, undo};

pub use crate::store::merge::hold;

/// A merge that people made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    pub id: Uuid,
    pub survivor_id: Uuid,
    pub merged_id: Uuid,
    pub by_subject: String,
    pub merged_at: DateTime<Utc>,
    /// By whom and when it was undone; `None` while it holds.
    pub undone: Option<(String, DateTime<Utc>)>,
}

/// A merge that holds, as sets see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The newest decides who stands for the set.
    pub merged_at: DateTime<Utc>,
    pub id: Uuid,
    pub survivor: Key,
    pub merged: Key,
}
