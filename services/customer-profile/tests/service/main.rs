//! The whole service in process, over real ports and a real PostgreSQL, with conversation played by a fake.
//!
//! `TANDEM_TEST_DATABASE_URL` names the server, as somebody who may create databases.

mod convergence;
mod feed;
mod merges;
mod notes;
mod profiles;
mod races;
mod scope;
mod support;
mod tags;
