//! The scans of a list: one for each equality that an index begins with, merged in the order of the list.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Place, Question};
use crate::domain::kinds::{HolderKind, Priority, Status};
use crate::domain::order::Order;
use crate::domain::viewer::Scope;
use crate::store::filter::{NARROW, holders};

const STATUSES: [Status; 4] = [Status::New, Status::Open, Status::Snoozed, Status::Closed];
const PRIORITIES: [Priority; 4] = [Priority::Urgent, Priority::High, Priority::Normal, Priority::Low];

/// Where a list looks.
pub(super) enum Source {
    /// Behind each of these.
    Equal(Vec<Equality>),
    /// In these conversations, all of them.
    Ids(Vec<Uuid>),
}

/// What the front of an index is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Equality {
    Everything,
    Holder(Uuid),
    HolderKind(HolderKind),
    Status(Status),
    Channel(Uuid),
}

impl Equality {
    pub(super) fn push(self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Everything => {}
            Self::Holder(id) => {
                sql.push(" AND c.holder_id = ").push_bind(id);
            }
            Self::HolderKind(kind) => {
                sql.push(" AND c.holder_kind = ").push_bind(kind.number());
            }
            Self::Status(status) => {
                sql.push(" AND c.status = ").push_bind(status.number());
            }
            Self::Channel(id) => {
                sql.push(" AND c.channel_id = ").push_bind(id);
            }
        }
    }
}

impl Source {
    /// The most telling part that names few values.
    pub(super) fn of(question: &Question<'_>) -> Self {
        let (viewer, filter) = (question.viewer, question.filter);
        let by_channel = question.order == Order::NewestActivity;
        let equal = if let Some(holders) = holders(viewer, filter) {
            holders.into_iter().map(Equality::Holder).collect()
        } else if let [kind] = filter.holder_kinds[..] {
            vec![Equality::HolderKind(kind)]
        } else if let [status] = filter.statuses[..] {
            vec![Equality::Status(status)]
        } else if let ([channel], true) = (&filter.channel_ids[..], by_channel) {
            vec![Equality::Channel(*channel)]
        } else {
            match &viewer.scope {
                Scope::Channels(channels) if by_channel && channels.len() <= NARROW => {
                    channels.iter().copied().map(Equality::Channel).collect()
                }
                _ if by_channel && filter.statuses.is_empty() => vec![Equality::Everything],
                _ if filter.statuses.is_empty() => STATUSES.map(Equality::Status).to_vec(),
                _ => filter.statuses.iter().copied().map(Equality::Status).collect(),
            }
        };
        Self::Equal(equal)
    }
}

/// The rows of every branch in the order of the list. Each branch walks an index in that order, so that merging them looks
/// at no more rows than are taken.
pub(super) fn rows(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>, source: &Source) {
    sql.push("SELECT * FROM (");
    match source {
        Source::Ids(ids) => {
            branch(sql, question, |sql| {
                sql.push(" AND c.id = ANY(").push_bind(ids.clone()).push(")");
            });
        }
        Source::Equal(equal) => {
            // Longest waiting walks the index of highest priority, a priority at a time.
            let priorities = match question.order {
                Order::LongestWaiting => PRIORITIES.map(Some).to_vec(),
                _ => vec![None],
            };
            let mut first = true;
            for equality in equal {
                for priority in &priorities {
                    if !first {
                        sql.push(" UNION ALL ");
                    }
                    first = false;
                    branch(sql, question, |sql| {
                        equality.push(sql);
                        if let Some(priority) = priority {
                            sql.push(" AND c.urgency = ").push_bind(-priority.number());
                        }
                    });
                }
            }
            if first {
                // Nobody is meant, or no channel is in the scope.
                branch(sql, question, |sql| {
                    sql.push(" AND false");
                });
            }
        }
    }
    sql.push(") AS c ORDER BY ").push(keys(question.order));
}

fn branch(
    sql: &mut QueryBuilder<Postgres>,
    question: &Question<'_>,
    equal: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push("(SELECT c.* FROM conversation c WHERE c.tenant_id = ").push_bind(question.viewer.tenant_id);
    equal(sql);
    match question.after {
        Some(Place::Time(at, id)) => {
            let key = if question.order == Order::NewestFirstContact {
                "contact_since"
            } else {
                "last_activity_at"
            };
            sql.push(format_args!(" AND (c.{key}, c.id) < (")).push_bind(*at);
            sql.push(", ").push_bind(*id).push(")");
        }
        Some(Place::Waiting(since, id)) => {
            sql.push(" AND (c.waits_since, c.id) > (coalesce(").push_bind(*since);
            sql.push(", 'infinity'), ").push_bind(*id).push(")");
        }
        Some(Place::Urgency(urgency, since, id)) => {
            sql.push(" AND (c.urgency, c.waits_since, c.id) > (").push_bind(*urgency);
            sql.push(", coalesce(").push_bind(*since).push(", 'infinity'), ").push_bind(*id).push(")");
        }
        Some(Place::Name(..)) | None => {}
    }
    // A branch that says its own order and bound is walked in it; merged without, it would be sorted whole.
    sql.push(format_args!(" ORDER BY {} LIMIT {})", keys(question.order), question.budget));
}

fn keys(order: Order) -> &'static str {
    match order {
        Order::LongestWaiting => "c.waits_since, c.id",
        Order::HighestPriority => "c.urgency, c.waits_since, c.id",
        Order::NewestFirstContact => "c.contact_since DESC, c.id DESC",
        Order::NewestActivity | Order::CustomerName => "c.last_activity_at DESC, c.id DESC",
    }
}
