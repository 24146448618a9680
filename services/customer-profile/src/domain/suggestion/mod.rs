//! Customers that may be the same person: people decide.

mod dismiss;
mod list;

pub use dismiss::{Dismiss, dismiss};
pub use list::{List, Reason, Suggestion, list};
