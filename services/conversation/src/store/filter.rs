//! Compiles the typed filter into conditions with bind parameters. SQL is put together here and in `list`, and nowhere else.

use sqlx::{Postgres, QueryBuilder};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::filter::{Assignment, Filter, Tags, Times};
use crate::domain::kinds::HolderKind;
use crate::domain::viewer::{Scope, Viewer};

/// Which of the given conversations match, in one set query.
pub async fn matching(
    connection: &mut Connection,
    viewer: &Viewer,
    filter: &Filter,
    ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT c.id FROM unnest(");
    sql.push_bind(ids.to_vec())
        .push("::uuid[]) WITH ORDINALITY AS wanted (id, n) JOIN conversation c ON c.tenant_id = ");
    sql.push_bind(viewer.tenant_id).push(" AND c.id = wanted.id WHERE ");
    conditions(&mut sql, viewer, filter);
    sql.push(" ORDER BY wanted.n");
    Ok(sql.build_query_scalar().fetch_all(connection).await?)
}

/// Values that a scan takes one by one; more of them are one scan without them.
pub(super) const NARROW: usize = 16;

/// The agents and teams that are meant, when a few are named and no other holder would do: each once.
pub(super) fn holders(viewer: &Viewer, filter: &Filter) -> Option<Vec<Uuid>> {
    let assignment = &filter.assignment;
    if assignment.is_empty() || assignment.unassigned {
        return None;
    }
    let mut holders: Vec<Uuid> = assignment.agent_ids.iter().chain(&assignment.team_ids).copied().collect();
    if assignment.mine {
        holders.extend(viewer.agent_id);
    }
    if assignment.my_teams {
        holders.extend(&viewer.team_ids);
    }
    holders.sort_unstable();
    holders.dedup();
    (holders.len() <= NARROW).then_some(holders)
}

fn numbers<T: Copy>(values: &[T], number: fn(T) -> i16) -> Vec<i16> {
    values.iter().map(|value| number(*value)).collect()
}

/// Everything that must hold, each part bound once; `true` to begin with, so that parts only add.
pub(super) fn conditions(sql: &mut QueryBuilder<Postgres>, viewer: &Viewer, filter: &Filter) {
    sql.push("true");
    if let Scope::Channels(channels) = &viewer.scope {
        sql.push(" AND c.channel_id = ANY(").push_bind(channels.clone()).push(")");
    }
    let lists = [
        ("status", numbers(&filter.statuses, crate::domain::kinds::Status::number)),
        ("holder_kind", numbers(&filter.holder_kinds, HolderKind::number)),
        ("answered_by", numbers(&filter.answered_by, crate::domain::kinds::ActorKind::number)),
        ("hand_off_reason", numbers(&filter.hand_off_reasons, crate::domain::kinds::HandOffReason::number)),
        ("priority", numbers(&filter.priorities, crate::domain::kinds::Priority::number)),
    ];
    for (column, values) in lists {
        if !values.is_empty() {
            sql.push(" AND c.").push(column).push(" = ANY(").push_bind(values).push(")");
        }
    }
    assignment(sql, viewer, &filter.assignment);
    for (column, values) in [("channel_id", &filter.channel_ids), ("contact_id", &filter.contact_ids)] {
        if !values.is_empty() {
            sql.push(" AND c.").push(column).push(" = ANY(").push_bind(values.clone()).push(")");
        }
    }
    flag(sql, filter.needs_attention, "c.needs_attention <> 0");
    flag(sql, filter.waiting, "c.waiting_since IS NOT NULL");
    if let Some(overdue) = filter.overdue {
        sql.push(" AND (coalesce(c.due_at <= ").push_bind(filter.now).push(", false)) = ").push_bind(overdue);
    }
    if viewer.agent_id.is_none() {
        // Who is no agent has nothing to read.
        flag(sql, filter.unread, "false");
    } else if let Some(unread) = filter.unread {
        sql.push(" AND (c.activity_number > 0 AND coalesce((SELECT CASE WHEN s.number >= c.activity_number THEN s.unread END
                   FROM read_exception s WHERE s.tenant_id = c.tenant_id AND s.conversation_id = c.id AND s.agent_id = ");
        sql.push_bind(viewer.agent_id).push(
            "), c.activity_number > coalesce((SELECT number FROM read_watermark w
                   WHERE w.tenant_id = c.tenant_id AND w.agent_id = ",
        );
        sql.push_bind(viewer.agent_id).push("), 0))) = ").push_bind(unread);
    }
    if !filter.channel_kinds.is_empty() {
        sql.push(" AND (SELECT ch.kind FROM channel ch WHERE ch.tenant_id = c.tenant_id AND ch.id = c.channel_id) = ANY(");
        sql.push_bind(numbers(&filter.channel_kinds, crate::domain::kinds::ChannelKind::number)).push(")");
    }
    if !filter.customer_ids.is_empty() {
        // The id of one that was merged keeps meaning the person.
        sql.push(" AND ").push(CUSTOMER_ID).push(" IN (");
        stand_for(sql, viewer.tenant_id, &filter.customer_ids);
        sql.push(")");
    }
    tags(sql, &filter.labels, "c.label_ids");
    tags(sql, &filter.customer_tags, CUSTOMER_TAGS);
    times(sql, "c.snoozed_until", filter.snoozed_until);
    times(sql, "c.last_activity_at", filter.last_activity);
    times(sql, "c.created_at", filter.created);
    times(sql, "c.closed_at", filter.closed);
}

/// Those that stand for these customers.
pub(super) fn stand_for(sql: &mut QueryBuilder<Postgres>, tenant_id: Uuid, customers: &[Uuid]) {
    sql.push("SELECT coalesce(s.merged_into, given.id) FROM unnest(").push_bind(customers.to_vec());
    sql.push("::uuid[]) AS given (id) LEFT JOIN customer s ON s.tenant_id = ").push_bind(tenant_id);
    sql.push(" AND s.id = given.id");
}

/// The customer behind a row's contact, a merged one as the one that it was merged into.
const CUSTOMER_ID: &str = "(SELECT coalesce(u.merged_into, u.id, l.customer_id, k.customer_id) FROM contact k
    LEFT JOIN contact_customer l ON l.tenant_id = k.tenant_id AND l.contact_id = k.id
    LEFT JOIN customer u ON u.tenant_id = k.tenant_id AND u.id = coalesce(l.customer_id, k.customer_id)
    WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id)";

const CUSTOMER_TAGS: &str = "coalesce((SELECT coalesce(v.tag_ids, u.tag_ids) FROM contact k
    LEFT JOIN contact_customer l ON l.tenant_id = k.tenant_id AND l.contact_id = k.id
    LEFT JOIN customer u ON u.tenant_id = k.tenant_id AND u.id = coalesce(l.customer_id, k.customer_id)
    LEFT JOIN customer v ON v.tenant_id = k.tenant_id AND v.id = u.merged_into
    WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id), '{}')";

fn flag(sql: &mut QueryBuilder<Postgres>, wanted: Option<bool>, condition: &str) {
    if let Some(wanted) = wanted {
        sql.push(" AND (").push(condition).push(") = ").push_bind(wanted);
    }
}

fn assignment(sql: &mut QueryBuilder<Postgres>, viewer: &Viewer, filter: &Assignment) {
    if filter.is_empty() {
        return;
    }
    sql.push(" AND (false");
    let mut agents = filter.agent_ids.clone();
    if filter.mine {
        agents.extend(viewer.agent_id);
    }
    let mut teams = filter.team_ids.clone();
    if filter.my_teams {
        teams.extend(&viewer.team_ids);
    }
    if !agents.is_empty() {
        sql.push(" OR (c.holder_kind = 2 AND c.holder_id = ANY(").push_bind(agents).push("))");
    }
    if !teams.is_empty() {
        sql.push(" OR (c.holder_kind = 3 AND c.holder_id = ANY(").push_bind(teams).push("))");
    }
    if filter.unassigned {
        sql.push(" OR c.holder_kind <> 2");
    }
    sql.push(")");
}

fn tags(sql: &mut QueryBuilder<Postgres>, filter: &Tags, column: &str) {
    if !filter.any.is_empty() {
        sql.push(" AND ").push(column).push(" && ").push_bind(filter.any.clone());
    }
    if !filter.all.is_empty() {
        sql.push(" AND ").push(column).push(" @> ").push_bind(filter.all.clone());
    }
    for group in &filter.any_of_each {
        sql.push(" AND ").push(column).push(" && ").push_bind(group.clone());
    }
    if !filter.none.is_empty() {
        sql.push(" AND NOT (").push(column).push(" && ").push_bind(filter.none.clone()).push(")");
    }
}

fn times(sql: &mut QueryBuilder<Postgres>, column: &str, filter: Times) {
    if let Some(from) = filter.from {
        sql.push(" AND coalesce(").push(column).push(" >= ").push_bind(from).push(", false)");
    }
    if let Some(until) = filter.until {
        sql.push(" AND coalesce(").push(column).push(" < ").push_bind(until).push(", false)");
    }
}
