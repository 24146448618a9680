//! What is known of scripts, numbers and positions: pure functions.

pub mod digits;
pub mod fold;
pub mod highlight;
pub mod names;
pub mod query;
pub mod runs;
