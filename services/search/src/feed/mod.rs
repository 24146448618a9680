//! Follows the feeds of conversation and customer-profile, keeps the indexes like them, and verifies that they are.

mod comparison;
mod documents;
mod following;
mod indexer;
mod source;
mod verifier;
mod writer;

pub use documents::decode_customer;
pub use following::Following;
pub use indexer::Indexer;
pub use source::{CUSTOMERS, MESSAGES, Source};
pub use verifier::Verifier;
pub use writer::Writer;
