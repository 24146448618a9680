//! What everybody has in hand now.

mod get;

pub use get::{AgentLoad, Place, TeamLoad, get};
