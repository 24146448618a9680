//! Work that moves many conversations: begun in the transaction of what asks for it, then carried on step by step by
//! whichever process has its lease.
//!
//! A conversation stands in an operation with the epoch under which the agent held it. That epoch is the fence of its
//! transfer and part of the transfer's request id: so a step that is repeated, by whoever, moves nothing twice, and what
//! somebody else took in between stays theirs.

mod begin;
mod carry_on;
mod read;
mod step;
mod straggler;
mod transfer_all;

pub use begin::{begin_each, begin_one};
pub use carry_on::{carry_on, forget};
pub use read::{get, list};
pub use straggler::return_stragglers;
pub use transfer_all::{TransferAll, transfer_all};
