//! Phrases by which customers ask for a person.

mod fold;
pub mod matcher;
mod settings;

pub use fold::folded;
