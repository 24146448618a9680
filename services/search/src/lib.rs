//! Search: finds messages and customers in the whole history, and says how fresh the answer is (design section 6).
//!
//! `feed` follows the feeds of conversation and customer-profile and writes documents; `engine` is the only part that
//! speaks to Meilisearch; `text` is what is known of scripts, numbers and positions; `domain` holds the two plans of a
//! filtered search, the access scope and the rest of the rules; `peer` asks conversation as the caller.
//!
//! While the engine is away, calls answer UNAVAILABLE with a delay and the service stays ready: its database works, and
//! another replica could do no better.
//!
//! To index another field: add it to the document in `domain/…/document.rs`, fill it in `feed/documents.rs`, name it in
//! `engine/settings.rs` if it is searched or filtered, and raise the document's `SHAPE`: the index is then rebuilt from
//! the feed's snapshot beside the live one.

mod app;
mod config;
mod domain;
mod engine;
mod feed;
mod peer;
mod policy;
mod rpc;
mod store;
mod text;

/// What who operates the suite asks of the service's database and of its engine.
pub mod operate {
    pub use crate::engine::{EngineError, make_key};
    pub use crate::store::index::{Rebuild, rebuild, want_rebuild};
    pub use crate::store::verification::{Verification, verification, want_verification};

    /// The indexes by name.
    pub const INDEXES: [&str; 2] = ["messages", "customers"];
}

pub use app::start;
pub use config::{Config, SearchConfig};
pub use policy::RULES;

/// The schema of the service's database.
pub static MIGRATOR: tandem_database::Migrator = sqlx::migrate!("../../migrations/search");
