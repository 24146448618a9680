//! How the work goes: counts by day, kept as the feed tells of what happened, and read at a cost that does not grow with it.
//!
//! What happened is a [`Fact`], kept once by the id of what told of it. `store::figure` counts facts into rows by day, channel,
//! team, agent, kind and class; a rebuild counts them all anew, beside what is read until it ends. To add a figure: a kind, and the line in `fact` that makes it.

mod classes;
mod count;
mod fact;
mod list;

use classes::{class_of, upper_end};
pub use count::count;
pub use fact::Fact;
pub use list::{Figures, Times, Wanted, list};
