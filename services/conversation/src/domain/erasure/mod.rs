//! Erasure of people, and of conversations that are older than the tenant keeps them.
//!
//! First who it is goes, in one transaction under the locks that ingest takes: addresses, names, what waits for a target; from
//! its commit on no message reaches the contact. Then conversations: marked, closed and taken out of the queue, so that nothing
//! is written to them again; then emptied, a bounded part a transaction. What is on the feed carries no text, so followers read
//! what is left; the last change of a conversation comes when nothing is left in it.

mod contacts;
mod conversations;
mod retention;
pub mod tombstone;
