//! What a person has a right to: everything that is held of them, and that nothing of it is left.

mod erasure;
mod export;
mod person;
mod races;
mod retention;
