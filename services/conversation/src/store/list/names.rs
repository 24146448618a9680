//! Customers A–Z: walks the projection of customers, and looks up the conversations of each; or sorts a few conversations
//! by their customers' names.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::branches::Source;
use super::{Place, Question};

/// The Unicode root collation, the same on every machine.
const COLLATED: &str = r#"COLLATE "und-x-icu""#;

pub(super) fn rows(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>, source: &Source) {
    match source {
        Source::Ids(ids) => sorted(sql, question, ids),
        // An equality would only tempt the planner away from the walk; the conditions hold it.
        Source::Equal(_) => walked(sql, question),
    }
}

fn walked(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>) {
    sql.push(
        "SELECT (u.name = '') AS nameless, u.name AS sort_name, u.id AS sort_customer, c.*
         FROM customer u
         CROSS JOIN LATERAL (
             SELECT k.id FROM contact k
             LEFT JOIN contact_customer l ON l.tenant_id = k.tenant_id AND l.contact_id = k.id
             WHERE k.tenant_id = u.tenant_id AND k.customer_id = u.id AND coalesce(l.customer_id, u.id) = u.id
             UNION ALL
             SELECT l.contact_id FROM contact_customer l
             JOIN contact k ON k.tenant_id = l.tenant_id AND k.id = l.contact_id AND k.customer_id <> l.customer_id
             WHERE l.tenant_id = u.tenant_id AND l.customer_id = u.id) AS k
         JOIN conversation c ON c.tenant_id = u.tenant_id AND c.contact_id = k.id
         WHERE u.tenant_id = ",
    );
    sql.push_bind(question.viewer.tenant_id);
    if let Some(Place::Name(nameless, name, customer, id)) = question.after {
        // The index takes the first comparison, the second cuts inside one customer.
        sql.push(format_args!(" AND ((u.name = ''), u.name {COLLATED}, u.id) >= (")).push_bind(*nameless);
        sql.push(", ").push_bind(name.clone()).push(", ").push_bind(*customer);
        sql.push(") AND (u.id <> ").push_bind(*customer).push(" OR c.id > ").push_bind(*id).push(")");
    }
    sql.push(format_args!(" ORDER BY (u.name = ''), u.name {COLLATED}, u.id, c.id"));
}

fn sorted(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>, ids: &[Uuid]) {
    sql.push(
        "SELECT * FROM (
             SELECT (coalesce(u.name, '') = '') AS nameless, coalesce(u.name, '') AS sort_name,
                    coalesce(u.id, k.customer_id) AS sort_customer, c.*
             FROM conversation c
             JOIN contact k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
             LEFT JOIN contact_customer l ON l.tenant_id = c.tenant_id AND l.contact_id = c.contact_id
             LEFT JOIN customer u ON u.tenant_id = c.tenant_id AND u.id = coalesce(l.customer_id, k.customer_id)
             WHERE c.tenant_id = ",
    );
    sql.push_bind(question.viewer.tenant_id).push(" AND c.id = ANY(").push_bind(ids.to_vec()).push(")) AS c");
    if let Some(Place::Name(nameless, name, customer, id)) = question.after {
        sql.push(format_args!(" WHERE (c.nameless, c.sort_name {COLLATED}, c.sort_customer, c.id) > ("));
        sql.push_bind(*nameless).push(", ").push_bind(name.clone()).push(", ").push_bind(*customer);
        sql.push(", ").push_bind(*id).push(")");
    }
    sql.push(format_args!(" ORDER BY c.nameless, c.sort_name {COLLATED}, c.sort_customer, c.id"));
}
