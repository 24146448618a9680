//! The service over real gRPC, with a real engine and a real database, and with conversation and customer-profile played by
//! fakes that serve their feeds.
//!
//! Needs `TANDEM_TEST_DATABASE_URL` (an administrator's URL) and an engine: `TANDEM_DEV_SEARCH` (the path of dev-search) or
//! `MEILISEARCH_URL` (a real server; `MEILISEARCH_KEY` if it wants one).

mod customers;
mod engine_faults;
mod harness;
mod indexing;
mod orders;
mod plans;
mod replay_words;
mod scope;
mod scripts;
mod throughput;
mod together;
mod verifying;
