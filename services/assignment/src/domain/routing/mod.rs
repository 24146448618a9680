//! Who should have a queued conversation: rules decide who of a team comes first, `route` gives it within about a second.
//!
//! `rank` and `plan` are pure: a queue, rules and people in, moves out. `route` reads what they need, once a team and pass, and
//! carries the moves out; every replica does so, and the lock on a conversation lets one of them have it. To add a condition:
//! a field of [`Rule`], a line in [`Rule::unmet`]. To add a strategy: a value of `Strategy`, an arm in `rank`.

mod candidates;
mod case;
mod explain;
mod plan;
mod rank;
mod route;
mod rule;
mod rules;
mod values;

#[cfg(test)]
mod reference;

pub use candidates::{Candidates, candidates};
pub use case::{Case, Person};
pub use explain::{Explained, Outcome, Verdict, explain};
pub use rank::{Judged, Kind};
pub use route::route;
pub use rule::Rule;
pub use rules::{Create, Update, create, delete, list, update};
pub use values::{Field, Values};
