//! Customers: what is indexed, and how they are found.

pub mod cursor;
pub mod document;
pub mod search;
pub mod suggest;

pub use document::{CustomerDocument, FoundCustomer, Person};
pub use search::{Customers, FoundCustomers, SearchCustomers};
