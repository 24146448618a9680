//! Promises 1 and 8, and the change feed of design section 5, under real faults: late commits, killed and frozen processes on
//! both sides, a restored database, a pruned feed, and change tokens over one hop.
//!
//! Nothing sleeps: tests wait on streams, on change tokens, or on what a database says (`eventually`).

mod cancelled;
mod consumers;
mod cursor;
mod durable;
mod idle;
mod restore;
mod sequencer;
mod support;
mod tokens;
mod truth;
mod writers;
