//! Which customers are one person.
//!
//! Customers whose contacts carry the same verified id of the business's own, or whose contacts alias each other, form
//! a set. The oldest of a set stands for it; the others point to it and keep what is theirs. Sets follow from the
//! contacts' present states alone, so they come out the same in whatever order the states arrived.

mod sets;
mod settle;

pub use sets::{said_name, sets};
pub use settle::settle;
