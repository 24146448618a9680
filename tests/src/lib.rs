//! The sandbox: the suite, or a part of it, on free ports with real PostgreSQL databases of its own, real gRPC and
//! generated clients. It goes away with the value.
//!
//! Needs `TANDEM_TEST_DATABASE_URL`, the URL of a PostgreSQL server where databases may be made and dropped;
//! `make test` starts one.

mod adapter;
mod barrier;
mod build;
mod database;
mod dump;
mod eventually;
mod gate;
mod indexed;
mod process;
mod random_filters;
pub mod raw;
mod recorder;
mod refusal;
mod screen;
mod suite;
mod talk;

pub use adapter::Adapter;
pub use barrier::Barrier;
pub use build::{agent_text, item, item_at, phone, text, time, visitor, whatsapp};
pub use database::Databases;
pub use dump::{dump, restore};
pub use eventually::eventually;
pub use gate::Gate;
pub use process::Process;
pub use random_filters::RandomFilters;
pub use recorder::{Recorder, version};
pub use refusal::{fact, fields, reason, refused, wrong};
pub use screen::{Screen, watched_list};
pub use suite::{Kind, Parts, Suite, engine_url, free};
pub use talk::stored;
