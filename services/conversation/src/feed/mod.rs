//! The feeds: what this service tells others, and what it learns from them.

pub mod assignment;
pub mod customers;
pub mod hydrate;

use uuid::Uuid;

/// An id of another service's change; nil, which names nothing, for one that is none.
fn id(text: &str) -> Uuid {
    Uuid::parse_str(text).unwrap_or_default()
}

fn ids(texts: &[String]) -> Vec<Uuid> {
    texts.iter().filter_map(|text| Uuid::parse_str(text).ok()).collect()
}
