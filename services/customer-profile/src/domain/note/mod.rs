//! Notes of the team about a customer. Each stays with the customer that it was written on.

mod add;
mod list;

pub use add::{AddNote, add};
pub use list::{List, list};
