//! The change feed (design section 5): PostgreSQL is the log, gRPC carries it.
//!
//! Writing side: the transaction of a fact calls [`outbox::write`] after it locked the entity's row; a
//! [`Sequencer`] gives the committed rows dense numbers; a [`Tail`] fans them out inside the process; a
//! [`FeedServer`] streams them to other services.
//!
//! Reading side: a [`Consumer`] follows one feed under a lease and hands batches to an [`Apply`], whose
//! writes commit together with the cursor; [`Freshness`] makes a read wait until a change token's write
//! has been applied.
//!
//! To put another kind of change on a feed: add a `ChangeKind`, a body in `Change`, a query in the
//! service's `Hydrate`, and an arm in the consumers that want it.

mod awaited;
mod beside;
mod consumer;
mod cursor;
mod follow;
mod freshness;
mod lease;
mod log;
pub mod outbox;
mod rebuild;
mod sequencer;
mod server;
mod tail;

pub use awaited::FreshnessApi;
pub use consumer::{Apply, Consumer, ConsumerConfig, Progress};
pub use cursor::Cursor;
pub use follow::{Follower, Step};
pub use freshness::{Feeds, Freshness};
pub use log::FeedRow;
pub use outbox::{Row, Written};
pub use sequencer::{Sequencer, prune};
pub use server::{FeedServer, Hydrate, SnapshotRow};
pub use tail::{Batch, Tail};
pub use tandem_proto::feed::v1::change::Body;
pub use tandem_proto::feed::v1::{Change, ChangeKind};
