//! Teams: agents who share a queue, and the channels that they see.

mod create;
mod get;
mod hours;
mod list;
mod update;
mod values;

pub use create::{Create, create};
pub use get::get;
pub use hours::is_open;
pub use list::list;
pub use update::{Update, update};
pub use values::{Field, Values};
