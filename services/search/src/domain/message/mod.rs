//! Messages: what is indexed, and the two plans by which they are found.
//!
//! [`search`] chooses a plan and fills a page: it [walks](walk) the hits in the engine's order, lets the [judge] say which
//! conversations may be shown, and [gathers](page) what is left, by conversation or each alone. Where no message has all the words,
//! conversations are found over which they [spread].

pub mod cursor;
pub mod document;
mod judge;
pub mod kind;
pub mod page;
pub mod question;
pub mod search;
mod spread;
mod walk;

pub use document::{FoundMessage, MessageDocument};
pub use question::SearchMessages;
pub use search::Messages;
