//! The service customer-profile: who the business talks to.
//!
//! It follows conversation's feed (contacts, conversations, messages) and makes profiles of it ([`feed`]); people
//! correct names, put tags on and write notes through `CustomerService`, and say who is one person through `MergeService`
//! ([`rpc`]); what changes goes on as states of customers on this service's own feed, which conversation, assignment and
//! search follow. Which customers are one is the whole of `domain/merge`.
//!
//! A request walks `rpc/` (adapt the message) → `domain/<noun>/<verb>.rs` (the rule, the transaction) →
//! `store/<noun>.rs` (SQL, and SQL nowhere else). To add a field that people edit: a column beside `company`, an arm in
//! `domain/profile/update.rs` and in `rpc/profile.rs`, and a line in `store/profile.rs`.

mod app;
mod config;
mod domain;
mod feed;
mod peer;
mod policy;
mod rpc;
mod store;
mod ticker;
mod wire;

pub use app::start;
pub use config::{Config, FeedSection};
pub use policy::RULES;

/// The schema of this service's database.
pub static MIGRATOR: tandem_database::Migrator = sqlx::migrate!("../../migrations/customer-profile");
