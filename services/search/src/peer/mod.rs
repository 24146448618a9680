//! What other services are asked, with the caller's own token: so they answer for that caller, and for nobody else.

mod asking;
mod conversations;
mod fault;
mod profiles;

pub use asking::Asking;
pub use conversations::{Conversations, Filter, Row};
pub use profiles::{CarriedTag, Profiles, WhichCustomers};
