//! The conversation service: tenants, channels, contacts, conversations and their messages, the holder and its epoch, the
//! append-only timeline, read state and the outbound queue.
//!
//! A request walks one way: `rpc` (adapt the message) → `domain` (the rule, the transaction) → `store` (SQL). To add an
//! operation: its RPC in the proto, a line in `policy.rs`, a file named for the verb in the noun's folder in `domain`, ten
//! lines in `rpc`.

pub mod domain;
pub mod store;

mod app;
mod feed;
mod policy;
mod rpc;

pub use app::{Config, Settings, start};
pub use policy::{RULES, SERVICES};

/// The migrations of this service's database.
pub static MIGRATOR: tandem_database::Migrator = sqlx::migrate!("../../migrations/conversation");
