//! What is held of a person.

mod held;

pub use held::{Merged, held};
