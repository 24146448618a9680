//! The sandbox: the suite, or a part of it, on free ports with real PostgreSQL databases of its own, real gRPC and
//! generated clients. It goes away with the value.
//!
//! Needs `TANDEM_TEST_DATABASE_URL`, the URL of a PostgreSQL server where databases may be made and dropped;
//! `make test` starts one.

mod build;
mod database;
mod process;
mod suite;

pub use build::{agent_text, item, item_at, phone, text, time, visitor, whatsapp};
pub use database::Databases;
pub use process::Process;
pub use suite::{Kind, Parts, Suite};
