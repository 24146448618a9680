//! Follows the feeds of conversation and customer-profile and keeps the indexes like them.

mod documents;
mod following;
mod indexer;
mod writer;

pub use documents::decode_customer;
pub use following::Following;
pub use indexer::Indexer;
pub use writer::Writer;
