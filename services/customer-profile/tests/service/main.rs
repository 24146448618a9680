//! The whole service in process, over real ports and a real PostgreSQL, with conversation played by a fake.
//!
//! `TANDEM_TEST_DATABASE_URL` names the server, as somebody who may create databases.

mod attributes;
mod browse;
mod convergence;
mod cost;
mod feed;
mod imports;
mod merge_property;
mod merge_races;
mod merges;
mod notes;
mod panel;
mod people_merge;
mod profiles;
mod races;
mod scope;
mod suggestions;
mod support;
mod tag_words;
mod tags;
