use tandem_database::Result;

use crate::domain::Domain;
use crate::domain::filter::Filter;
use crate::domain::viewer::Viewer;
use crate::store;

/// Matches that a count tells apart.
const MOST: i64 = 1_000;
/// Rows of an index that one count may look at.
const SCAN_BUDGET: i64 = 2_000;
/// Rows that the counts of one call may look at together.
const CALL_BUDGET: i64 = 100_000;

/// How many, as far as the budget tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Exact(i64),
    AtLeast(i64),
    /// None was found before the budget ended.
    Unknown,
}

impl Domain {
    /// Counts each filter, and the calling agent's unread ones, all in one statement.
    pub async fn count(
        &self,
        viewer: &Viewer,
        mut filters: Vec<Filter>,
    ) -> Result<(Vec<Count>, Option<Count>)> {
        if viewer.agent_id.is_some() {
            filters.push(Filter { unread: Some(true), now: self.ambient.now(), ..Filter::default() });
        }
        if filters.is_empty() {
            return Ok((Vec::new(), None));
        }
        let share = CALL_BUDGET / i64::try_from(filters.len()).unwrap_or(CALL_BUDGET);
        let budget = SCAN_BUDGET.min(share.max(1));
        let mut connection = self.pool.acquire().await?;
        Filter::mean(&mut connection, viewer.tenant_id, &mut filters).await?;
        let counted = store::count::count(&mut connection, viewer, &filters, MOST, budget).await?;
        let mut counts: Vec<Count> = counted
            .into_iter()
            .map(|counted| match counted.matches {
                matches if matches > MOST => Count::AtLeast(MOST),
                matches if counted.whole => Count::Exact(matches),
                0 => Count::Unknown,
                matches => Count::AtLeast(matches),
            })
            .collect();
        let unread = viewer.agent_id.and_then(|_| counts.pop());
        Ok((counts, unread))
    }
}
