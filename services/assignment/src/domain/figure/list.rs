use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use tandem_access::Caller;
use tandem_database::Result;
use uuid::Uuid;

use super::upper_end;
use crate::domain::App;
use crate::domain::kinds::{FigureGroup, FigureKind, HandOffReason};
use crate::store;
use crate::store::figure::Count;

/// Which figures.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub from: NaiveDate,
    /// Included.
    pub until: NaiveDate,
    /// `None` for all.
    pub channel_ids: Option<Vec<Uuid>>,
    pub team_ids: Option<Vec<Uuid>>,
    pub agent_ids: Option<Vec<Uuid>>,
    /// `None`: everything is one group.
    pub group: Option<FigureGroup>,
    pub after: Option<String>,
    /// Groups of a page.
    pub limit: i64,
}

/// The figures of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// As the store writes it: a day, an id, the nil UUID for none, `ai`; empty without a group.
    pub key: String,
    pub started: i64,
    pub first_responses: Times,
    pub responses: Times,
    pub closed: i64,
    pub closed_by_ai_alone: i64,
    pub reopened: i64,
    pub handed_off: Vec<(HandOffReason, i64)>,
}

/// How long something took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    pub count: i64,
    /// `None` when there is none.
    pub median: Option<TimeDelta>,
    pub ninetieth: Option<TimeDelta>,
}

pub struct Page {
    pub rows: Vec<Figures>,
    /// The last key, when there are more.
    pub next: Option<String>,
}

/// A page of figures, by the order of their keys.
///
/// Errors: those of freshness.
pub async fn list(app: &App, caller: &Caller, wanted: Wanted, fresh: &[String]) -> Result<Page> {
    app.freshness.wait(fresh).await?;
    let mut connection = app.pool.acquire().await?;
    let size = usize::try_from(wanted.limit).unwrap_or_default();
    let one_more = Wanted { limit: wanted.limit + 1, ..wanted };
    let counts = store::figure::list(&mut connection, caller.tenant()?, &one_more).await?;
    let mut groups: BTreeMap<String, Vec<Count>> = BTreeMap::new();
    for count in counts {
        groups.entry(count.key.clone()).or_default().push(count);
    }
    let more = groups.len() > size;
    let rows: Vec<Figures> =
        groups.into_iter().take(size).map(|(key, counts)| figures(key, &counts)).collect();
    let next = rows.last().filter(|_| more).map(|last| last.key.clone());
    Ok(Page { rows, next })
}

fn figures(key: String, counts: &[Count]) -> Figures {
    let of = |kind: FigureKind| counts.iter().filter(move |count| count.kind == kind);
    let sum = |kind| of(kind).map(|count| count.count).sum();
    let handed_off = of(FigureKind::HandedOff)
        .filter_map(|count| Some((HandOffReason::from_number(count.class.into())?, count.count)));
    Figures {
        key,
        started: sum(FigureKind::Started),
        first_responses: times(of(FigureKind::FirstResponse)),
        responses: times(of(FigureKind::Response)),
        closed: sum(FigureKind::Closed),
        closed_by_ai_alone: of(FigureKind::Closed)
            .filter(|count| count.class == 1)
            .map(|count| count.count)
            .sum(),
        reopened: sum(FigureKind::Reopened),
        handed_off: handed_off.collect(),
    }
}

/// Of counts in the order of their classes.
fn times<'a>(counts: impl Iterator<Item = &'a Count> + Clone) -> Times {
    let count: i64 = counts.clone().map(|count| count.count).sum();
    // The smallest time that so many of a hundred do not exceed.
    let quantile = |hundredths: i64| {
        let wanted = (count * hundredths + 99) / 100;
        let mut seen = 0;
        counts.clone().find_map(|count| {
            seen += count.count;
            (seen >= wanted).then(|| upper_end(count.class))
        })
    };
    Times { count, median: quantile(50), ninetieth: quantile(90) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::figure::class_of;

    #[test]
    fn half_of_them_and_nine_of_ten_took_no_longer() {
        let of = |seconds: &[i64]| {
            let mut classes: Vec<i16> =
                seconds.iter().map(|seconds| class_of(TimeDelta::seconds(*seconds))).collect();
            classes.sort_unstable();
            let count = |class| Count { key: String::new(), kind: FigureKind::Response, class, count: 1 };
            let counts: Vec<Count> = classes.into_iter().map(count).collect();
            let Times { count, median, ninetieth } = times(counts.iter());
            (count, median, ninetieth)
        };
        let end = |seconds| Some(upper_end(class_of(TimeDelta::seconds(seconds))));
        assert_eq!(of(&[]), (0, None, None));
        assert_eq!(of(&[7]), (1, end(7), end(7)));
        assert_eq!(of(&[100, 1]), (2, end(1), end(100)));
        assert_eq!(of(&[1, 10, 100]), (3, end(10), end(100)));
        let ten: Vec<i64> = (1..=10).map(|number| number * 60).collect();
        assert_eq!(of(&ten), (10, end(300), end(540)));
    }
}
