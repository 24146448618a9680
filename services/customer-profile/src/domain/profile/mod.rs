//! Profiles: read, listed A–Z, corrected.

mod get;
mod list;
mod update;

pub use get::{find, get, lock, show};
pub use list::{List, list};
pub use update::{Update, update};
