//! Messages: what is indexed, and the two plans by which they are found.

pub mod document;
pub mod page;
pub mod scan;
pub mod search;

pub use document::{FoundMessage, MessageDocument};
pub use search::{Messages, SearchMessages};
