//! The rules, free of transport and storage types.

pub mod customer;
pub mod lag;
pub mod message;
pub mod overview;
pub mod plan;
pub mod scope;
pub mod status;
pub mod time_range;
