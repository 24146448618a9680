//! Who held a conversation: read from the changes of holder on its timeline.

mod list;

pub use list::{History, list};
