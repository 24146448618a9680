//! All SQL of the service.

pub mod feed;
pub mod index;
pub mod poison;
pub mod verification;
