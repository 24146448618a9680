//! The transport: unpack, call, convert.

mod convert;
mod filter;
mod overview;
mod parse;
mod search_service;
mod suggest;

pub use search_service::SearchApi;
