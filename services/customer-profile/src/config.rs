use serde::{Deserialize, Serialize};
use tandem_assembly::{Common, Section};

/// The settings of this service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub common: Common,
    pub feed: FeedSection,
}

/// How feeds are followed and kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSection {
    /// Seconds that a replica holds conversation's feed without a word before another takes over.
    pub lease_s: u32,
    /// Days that this service's own feed is kept. Who is further behind rebuilds.
    pub kept_days: u32,
}

impl Default for FeedSection {
    fn default() -> Self {
        Self { lease_s: 10, kept_days: 7 }
    }
}

impl Section for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}
