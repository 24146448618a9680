//! What conversation is asked, with the caller's own token: so it answers for that caller, and for nobody else.

mod conversations;
mod fault;

pub use conversations::{Asking, Conversations, Filter};
