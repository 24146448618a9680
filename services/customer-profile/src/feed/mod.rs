//! Both ends of change feeds: conversation's is followed, this service's own is filled.

mod follow;
mod hydrate;
mod read;

pub use follow::FollowConversation;
pub use hydrate::Customers;
