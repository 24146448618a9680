//! Counts of many filters in one statement. Each walks the index that fits it best, and ends with the budget or with as
//! many matches as a badge tells apart, whichever comes first: never a count by scan of everything.

use chrono::{DateTime, Utc};
use sqlx::{Postgres, QueryBuilder};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::filter::{NARROW, conditions, holders, stand_for};
use crate::domain::filter::{Filter, Times};
use crate::domain::kinds::{HolderKind, Status};
use crate::domain::viewer::{Scope, Viewer};

/// What one bounded count found.
#[derive(Debug)]
pub struct Counted {
    /// At most one more than was asked for.
    pub matches: i64,
    /// The scan saw every row that could match.
    pub whole: bool,
}

/// Counts each filter up to `most` matches and one, among at most `budget` rows.
pub async fn count(
    connection: &mut Connection,
    viewer: &Viewer,
    filters: &[Filter],
    most: i64,
    budget: i64,
) -> Result<Vec<Counted>> {
    let mut sql = QueryBuilder::<Postgres>::new("");
    for (at, filter) in filters.iter().enumerate() {
        if at > 0 {
            sql.push(" UNION ALL ");
        }
        one(&mut sql, viewer, filter, most, budget, at);
    }
    let rows: Vec<(i32, i64, bool)> = sql.build_query_as().fetch_all(connection).await?;
    let mut counted: Vec<(i32, Counted)> =
        rows.into_iter().map(|(at, matches, ended)| (at, Counted { matches, whole: !ended })).collect();
    counted.sort_by_key(|(at, _)| *at);
    Ok(counted.into_iter().map(|(_, counted)| counted).collect())
}

/// One filter's count: its number, the matches, and whether the budget ended the scan before its end.
fn one(
    sql: &mut QueryBuilder<Postgres>,
    viewer: &Viewer,
    filter: &Filter,
    most: i64,
    budget: i64,
    at: usize,
) {
    // Limits stand as they are, for a plan that is made once and knows how little is wanted.
    sql.push(format_args!(
        "SELECT {at} AS filter, count(*) FILTER (WHERE b.number <= {budget}), coalesce(bool_or(b.number > {budget}), false)
         FROM (SELECT s.number FROM (SELECT row_number() OVER () AS number, ("
    ));
    conditions(sql, viewer, filter);
    sql.push(") AS matches FROM (SELECT * FROM (");
    let fronts = Front::of(viewer, filter);
    for (number, front) in fronts.iter().enumerate() {
        if number > 0 {
            sql.push(" UNION ALL ");
        }
        front.scan(sql, viewer, filter, budget);
    }
    // The row after the budget's last says that there are more; the outer limit lets the executor stop before.
    sql.push(format_args!(
        ") AS c LIMIT {}) AS c) AS s WHERE s.matches OR s.number > {budget} LIMIT {}) AS b",
        budget + 1,
        most + 1
    ));
}

/// What the front of an index is compared with. A filter's fronts exclude each other, and together meet every row that can
/// match.
#[derive(Debug, Clone)]
enum Front {
    Nothing,
    Everything,
    Contacts(Vec<Uuid>),
    /// Over all their contacts, and those of customers that were merged into them.
    Customers(Vec<Uuid>),
    Holder(Uuid),
    /// Above the agent's watermark.
    UnreadAbove(Uuid),
    /// Below it, and marked unread.
    UnreadBelow(Uuid),
    Due(DateTime<Utc>),
    WantsAttention,
    Wakes(Times),
    Closed(Times),
    Channel(Uuid),
    HeldBy(i16),
    Status(i16),
}

impl Front {
    /// The most telling part of a filter that an index begins with.
    fn of(viewer: &Viewer, filter: &Filter) -> Vec<Self> {
        if matches!(&viewer.scope, Scope::Channels(channels) if channels.is_empty()) {
            return vec![Self::Nothing];
        }
        if !filter.contact_ids.is_empty() {
            return vec![Self::Contacts(filter.contact_ids.clone())];
        }
        if !filter.customer_ids.is_empty() {
            return vec![Self::Customers(filter.customer_ids.clone())];
        }
        if let Some(holders) = holders(viewer, filter) {
            return each(holders, Self::Holder);
        }
        if let (Some(true), Some(agent)) = (filter.unread, viewer.agent_id) {
            return vec![Self::UnreadAbove(agent), Self::UnreadBelow(agent)];
        }
        if filter.needs_attention == Some(true) {
            return vec![Self::WantsAttention];
        }
        if filter.overdue == Some(true) {
            return vec![Self::Due(filter.now)];
        }
        if filter.statuses[..] == [Status::Snoozed] && is_set(filter.snoozed_until) {
            return vec![Self::Wakes(filter.snoozed_until)];
        }
        if is_set(filter.closed) {
            return vec![Self::Closed(filter.closed)];
        }
        if !filter.holder_kinds.is_empty() {
            return each(numbers(&filter.holder_kinds, HolderKind::number), Self::HeldBy);
        }
        if (1..=NARROW).contains(&filter.channel_ids.len()) {
            return each(filter.channel_ids.clone(), Self::Channel);
        }
        if !filter.statuses.is_empty() {
            return each(numbers(&filter.statuses, Status::number), Self::Status);
        }
        match &viewer.scope {
            Scope::Channels(channels) if channels.len() <= NARROW => each(channels.clone(), Self::Channel),
            _ => vec![Self::Everything],
        }
    }

    /// The rows behind it in the order of its index, at most the budget and one.
    fn scan(&self, sql: &mut QueryBuilder<Postgres>, viewer: &Viewer, filter: &Filter, budget: i64) {
        sql.push("(SELECT c.* FROM ");
        if let Self::UnreadBelow(agent) = self {
            sql.push("(SELECT conversation_id FROM read_exception WHERE tenant_id = ");
            sql.push_bind(viewer.tenant_id).push(" AND agent_id = ").push_bind(*agent);
            sql.push(format_args!(" AND unread LIMIT {}) AS marked JOIN ", budget + 1));
        }
        sql.push("conversation c ");
        sql.push(if matches!(self, Self::UnreadBelow(_)) { "ON" } else { "WHERE" });
        sql.push(" c.tenant_id = ").push_bind(viewer.tenant_id);
        let order = self.compare(sql, viewer, filter);
        sql.push(format_args!("{order} LIMIT {})", budget + 1));
    }

    fn compare(&self, sql: &mut QueryBuilder<Postgres>, viewer: &Viewer, filter: &Filter) -> &'static str {
        match self {
            Self::Nothing => {
                sql.push(" AND false");
                return "";
            }
            Self::Contacts(ids) => {
                sql.push(" AND c.contact_id = ANY(").push_bind(ids.clone()).push(")");
                return "";
            }
            Self::Customers(ids) => {
                sql.push(" AND c.contact_id IN (");
                contacts(sql, viewer.tenant_id, ids);
                sql.push(")");
                return "";
            }
            Self::UnreadAbove(agent) => {
                sql.push(" AND c.activity_number > ");
                watermark(sql, viewer.tenant_id, *agent);
                return " ORDER BY c.activity_number DESC";
            }
            Self::UnreadBelow(agent) => {
                sql.push(" AND c.id = marked.conversation_id AND c.activity_number <= ");
                watermark(sql, viewer.tenant_id, *agent);
                return "";
            }
            Self::Due(now) => {
                sql.push(" AND c.due_at <= ").push_bind(*now);
                return " ORDER BY c.due_at, c.id";
            }
            Self::Wakes(times) => {
                sql.push(" AND c.status = 3");
                between(sql, "c.snoozed_until", *times);
                return " ORDER BY c.snoozed_until, c.id";
            }
            Self::Closed(times) => {
                sql.push(" AND c.status = 4");
                between(sql, "c.closed_at", *times);
                return " ORDER BY c.closed_at DESC, c.id DESC";
            }
            Self::Everything => {}
            Self::WantsAttention => {
                sql.push(" AND c.needs_attention <> 0");
            }
            Self::Holder(id) => {
                sql.push(" AND c.holder_id = ").push_bind(*id);
            }
            Self::Channel(id) => {
                sql.push(" AND c.channel_id = ").push_bind(*id);
            }
            Self::HeldBy(kind) => {
                sql.push(" AND c.holder_kind = ").push_bind(*kind);
            }
            Self::Status(status) => {
                sql.push(" AND c.status = ").push_bind(*status);
            }
        }
        // The other indexes go on with the last activity: a range of it cuts the scan.
        between(sql, "c.last_activity_at", filter.last_activity);
        " ORDER BY c.last_activity_at DESC, c.id DESC"
    }
}

fn contacts(sql: &mut QueryBuilder<Postgres>, tenant_id: Uuid, customers: &[Uuid]) {
    sql.push("WITH asked (id) AS MATERIALIZED (");
    stand_for(sql, tenant_id, customers);
    sql.push(
        "), meant AS MATERIALIZED (SELECT id FROM asked UNION SELECT id FROM customer WHERE tenant_id = ",
    );
    sql.push_bind(tenant_id).push(" AND merged_into IN (SELECT id FROM asked)");
    sql.push(") SELECT k.id FROM contact k WHERE k.tenant_id = ").push_bind(tenant_id);
    sql.push(" AND k.customer_id IN (SELECT id FROM meant)");
    sql.push(" UNION SELECT l.contact_id FROM contact_customer l WHERE l.tenant_id = ").push_bind(tenant_id);
    sql.push(" AND l.customer_id IN (SELECT id FROM meant)");
}

fn watermark(sql: &mut QueryBuilder<Postgres>, tenant_id: Uuid, agent_id: Uuid) {
    sql.push("coalesce((SELECT number FROM read_watermark WHERE tenant_id = ").push_bind(tenant_id);
    sql.push(" AND agent_id = ").push_bind(agent_id).push("), 0)");
}

fn between(sql: &mut QueryBuilder<Postgres>, column: &str, times: Times) {
    if let Some(from) = times.from {
        sql.push(" AND ").push(column).push(" >= ").push_bind(from);
    }
    if let Some(until) = times.until {
        sql.push(" AND ").push(column).push(" < ").push_bind(until);
    }
}

fn is_set(times: Times) -> bool {
    times != Times::default()
}

fn numbers<T: Copy>(values: &[T], number: fn(T) -> i16) -> Vec<i16> {
    values.iter().map(|value| number(*value)).collect()
}

/// A front for each of some values, which may stand twice in a filter; nothing for none.
fn each<T: Ord>(mut values: Vec<T>, front: fn(T) -> Front) -> Vec<Front> {
    values.sort_unstable();
    values.dedup();
    match values.is_empty() {
        true => vec![Front::Nothing],
        false => values.into_iter().map(front).collect(),
    }
}
