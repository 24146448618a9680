//! The transport: unpack, call, convert.

mod convert;
mod filter;
mod parse;
mod search_service;

pub use search_service::SearchApi;
