//! What customers write about: figures kept by day, so that reading them costs labels, days and channels.

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use tandem_database::{Result, begin};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::kinds::LabelFigureKind;
use crate::domain::viewer::{Scope, Viewer};
use crate::store;

/// Changes that are folded in one transaction.
const BATCH: i64 = 2_000;
/// Transactions of one tick.
const BATCHES: usize = 20;

/// Days of UTC, the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub from: NaiveDate,
    pub until: NaiveDate,
}

/// Which figures.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub kind: LabelFigureKind,
    pub days: Days,
    /// `None` for every channel.
    pub channel_ids: Option<Vec<Uuid>>,
    pub after: Option<Place>,
    pub limit: i64,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub conversations: i64,
    pub previous: i64,
    pub id: Uuid,
}

/// The figures of one label or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub id: Uuid,
    pub name: String,
    pub conversations: i64,
    pub previous: i64,
    /// For each day, the first day first.
    pub daily: Vec<i64>,
}

impl Days {
    /// How many.
    pub fn count(self) -> i64 {
        (self.until - self.from).num_days() + 1
    }

    /// The first of as many days just before.
    pub fn before(self) -> NaiveDate {
        self.from - TimeDelta::days(self.count())
    }

    /// A number for each day; those of other days are left out.
    pub fn spread(self, numbers: impl IntoIterator<Item = (NaiveDate, i64)>) -> Vec<i64> {
        let mut daily = vec![0; usize::try_from(self.count()).unwrap_or_default()];
        for (day, number) in numbers {
            let at = usize::try_from((day - self.from).num_days()).ok();
            if let Some(daily) = at.and_then(|at| daily.get_mut(at)) {
                *daily += number;
            }
        }
        daily
    }
}

impl Figures {
    fn place(&self) -> Place {
        Place { conversations: self.conversations, previous: self.previous, id: self.id }
    }
}

impl Domain {
    /// One page of figures of the channels that the caller sees, and where the next one begins.
    pub async fn label_figures(
        &self,
        viewer: &Viewer,
        wanted: Wanted,
    ) -> Result<(Vec<Figures>, Option<Place>)> {
        let mut connection = self.pool.acquire().await?;
        let channel_ids = within(&viewer.scope, wanted.channel_ids.clone());
        let one_more = Wanted { channel_ids, limit: wanted.limit + 1, ..wanted };
        let mut found = store::label_figure::list(&mut connection, viewer.tenant_id, &one_more).await?;
        let size = usize::try_from(wanted.limit).unwrap_or_default();
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().map(Figures::place).filter(|_| more);
        Ok((found, next))
    }

    /// Folds what writers appended since the last tick.
    pub(in crate::domain) async fn fold_figures(&self) -> Result<()> {
        for _ in 0..BATCHES {
            let mut tx = begin(&self.pool).await?;
            let folded = store::label_figure::fold(&mut tx, BATCH).await?;
            tx.commit().await?;
            if folded < BATCH {
                break;
            }
        }
        Ok(())
    }
}

/// Of the asked channels those that the caller sees; a channel outside counts as one that does not exist.
fn within(scope: &Scope, asked: Option<Vec<Uuid>>) -> Option<Vec<Uuid>> {
    match (scope, asked) {
        (Scope::All, asked) => asked,
        (Scope::Channels(seen), None) => Some(seen.clone()),
        (scope, Some(asked)) => Some(asked.into_iter().filter(|id| scope.covers(*id)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_period_before_is_as_long() {
        let days = Days { from: day("2026-03-01"), until: day("2026-03-07") };
        assert_eq!((days.count(), days.before()), (7, day("2026-02-22")));
        let one = Days { from: day("2026-01-01"), until: day("2026-01-01") };
        assert_eq!((one.count(), one.before()), (1, day("2025-12-31")));
        let numbers = [("2026-02-28", 9), ("2026-03-01", 1), ("2026-03-07", 2), ("2026-03-08", 9)];
        let spread = days.spread(numbers.map(|(text, number)| (day(text), number)));
        assert_eq!(spread, [1, 0, 0, 0, 0, 0, 2]);
    }
}
