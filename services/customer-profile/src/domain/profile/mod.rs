//! Profiles: read, listed, corrected.

mod get;
mod list;
mod matching;
mod panel;
mod update;

pub use get::{find, get, lock, show};
pub use list::{Filter, List, Order, Place, Spot, list};
pub use matching::matching;
pub use panel::panel;
pub use update::{Update, update};
