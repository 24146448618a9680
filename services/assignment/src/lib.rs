//! The assignment service: agents and teams, who holds which conversation, and who is told of it.
//!
//! A request walks `rpc/` (adapt the message) → `domain/<noun>/<verb>.rs` (the rule, the transaction) → `store/<noun>.rs`
//! (all SQL). `peer/` asks the conversation service, `feed/` tells others of agents and teams and learns of conversations.
//!
//! To add a method: a rule in `policy.rs`, an adapter in `rpc/`, a verb in `domain/`. To add a kind of notification: a
//! value of `NotificationKind`, and a line in `domain/notification/`, the one place where they are made.

mod app;
mod domain;
mod feed;
mod peer;
mod policy;
mod router;
mod rpc;
mod store;
mod ticker;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use tandem_assembly::{Common, Section};
use tandem_database::Migrator;

pub use app::start;
pub use policy::RULES;

/// The schema that this binary needs.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/assignment");

/// The service's configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub common: Common,
}

impl Section for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}
