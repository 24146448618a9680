//! Agents: the people who answer.

mod create;
mod get;
mod list;
mod update;
mod values;

pub use create::{Create, create};
pub use get::get;
pub use list::list;
pub use update::{Update, update};
pub use values::{Field, Values};
