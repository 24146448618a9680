//! Agents: the people who answer.

mod create;
mod deactivate;
mod get;
mod list;
mod reactivate;
mod update;
mod values;

pub use create::{Create, create};
pub use deactivate::deactivate;
pub use get::get;
pub use list::{Narrow, list};
pub use reactivate::reactivate;
pub use update::{Update, update};
pub use values::{Field, Values};
