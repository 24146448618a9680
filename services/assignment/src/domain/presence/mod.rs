//! Whether agents are there, and what happens to the work of those who are not.

mod list;
mod return_work;
mod set;

pub use list::{Whose, list};
pub use return_work::return_work;
pub use set::{Set, set};
