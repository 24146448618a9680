use serde::{Deserialize, Serialize};

use crate::domain::plan::Plan;

/// Where the next page of customers begins; what its page token carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "p")]
    pub plan: Plan,
    /// Which of the query's ways of asking.
    #[serde(rename = "s")]
    pub stage: usize,
    /// Behind so many hits.
    #[serde(rename = "o")]
    pub offset: usize,
}
