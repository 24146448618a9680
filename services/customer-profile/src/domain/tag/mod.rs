//! Tags: created on use, compared without case, carried by id.

mod list;
mod name;
mod update;

pub use list::list;
pub use name::{MOST_CHARACTERS, TagName, key};
pub use update::{UpdateTags, update};
