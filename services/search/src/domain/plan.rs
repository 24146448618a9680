use serde::{Deserialize, Serialize};

/// How a search with a filter is run (design section 6); pinned by its page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// The filter named few, the words were sought inside them.
    #[serde(rename = "n")]
    NarrowFirst,
    /// The words were sought first, the hits filtered after.
    #[serde(rename = "t")]
    TextFirst,
}
