//! Where the next page begins.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::plan::Plan;

/// A page token holds at most this many conversations; results end there, marked partial.
pub const MOST_SEEN: usize = 800;
/// Bytes kept of each: of a UUIDv7's random part, so that two of 800 collide once in a million searches.
const KEPT: usize = 5;

/// What a page token carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "p")]
    pub plan: Plan,
    /// Which of the query's stages.
    #[serde(rename = "s")]
    pub stage: usize,
    #[serde(rename = "o")]
    pub spot: Spot,
    /// By relevance, when hits are grouped: what earlier pages showed. In the orders by time it follows from the place.
    #[serde(rename = "c", with = "seen")]
    pub seen: Seen,
}

/// A place among the hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spot {
    /// By relevance: behind so many hits.
    #[serde(rename = "b")]
    Behind(usize),
    /// In an order by time: behind the first so many of those that were written at this time, in milliseconds since 1970. So
    /// pages go on where the engine's own end.
    #[serde(rename = "t")]
    At(i64, usize),
}

/// The conversations that earlier pages showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(HashSet<[u8; KEPT]>);

impl Seen {
    pub fn contains(&self, conversation: Uuid) -> bool {
        self.0.contains(&kept(conversation))
    }

    pub fn insert(&mut self, conversation: Uuid) {
        self.0.insert(kept(conversation));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn kept(conversation: Uuid) -> [u8; KEPT] {
    let bytes = conversation.as_bytes();
    std::array::from_fn(|at| bytes[16 - KEPT + at])
}

mod seen {
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    use super::*;

    pub fn serialize<S: Serializer>(seen: &Seen, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ids: Vec<_> = seen.0.iter().collect();
        ids.sort_unstable();
        serializer
            .serialize_str(&URL_SAFE_NO_PAD.encode(ids.into_iter().flatten().copied().collect::<Vec<u8>>()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seen, D::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        let ids = bytes.chunks_exact(KEPT).map(|id| std::array::from_fn(|at| id[at]));
        Ok(Seen(ids.collect()))
    }
}

#[cfg(test)]
mod tests {
    use tandem_signed_token::{PageToken, Signer};

    use super::*;

    #[test]
    fn the_largest_cursor_fits_a_token() {
        let mut seen = Seen::default();
        for id in 0..MOST_SEEN {
            seen.insert(Uuid::from_u128(id as u128));
        }
        let cursor = Cursor { plan: Plan::TextFirst, stage: 1, spot: Spot::Behind(10_000), seen };
        let signer = Signer::new(&[vec![1; 32]]).unwrap();
        let token = PageToken::encode(&signer, b"", &cursor);
        assert_eq!(PageToken::decode::<Cursor>(&signer, b"", &token).unwrap(), cursor);
    }
}
