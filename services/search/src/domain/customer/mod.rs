//! Customers: what is indexed, and how they are found.

pub mod document;
pub mod search;

pub use document::{CustomerDocument, Person};
pub use search::{Customers, FoundCustomers, SearchCustomers};
