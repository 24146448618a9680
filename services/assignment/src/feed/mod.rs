//! What others learn of agents and teams, and what this service learns of conversations.

mod apply;
mod customers;
mod hydrate;
mod read;

pub use apply::ConversationFeed;
pub use customers::CustomerFeed;
pub use hydrate::Directory;
