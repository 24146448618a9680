//! Customers A–Z: walks the projection of customers, and looks up the conversations of each.

use sqlx::{Postgres, QueryBuilder};

use super::branches::Source;
use super::{Place, Question};

/// The Unicode root collation, the same on every machine.
const NAME: &str = r#"u.name COLLATE "und-x-icu""#;

pub(super) fn rows(sql: &mut QueryBuilder<Postgres>, question: &Question<'_>, source: &Source) {
    sql.push(format_args!(
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
         WHERE u.tenant_id = "
    ));
    sql.push_bind(question.viewer.tenant_id);
    if let Some(Place::Name(nameless, name, customer, id)) = question.after {
        // The index takes the first comparison, the second cuts inside one customer.
        sql.push(format_args!(" AND ((u.name = ''), {NAME}, u.id) >= (")).push_bind(*nameless);
        sql.push(", ").push_bind(name.clone()).push(", ").push_bind(*customer);
        sql.push(") AND (u.id <> ").push_bind(*customer).push(" OR c.id > ").push_bind(*id).push(")");
    }
    match source {
        Source::Ids(ids) => {
            sql.push(" AND c.id = ANY(").push_bind(ids.clone()).push(")");
        }
        // An equality here would only tempt the planner away from the walk; the conditions hold it.
        Source::Equal(_) => {}
    }
    sql.push(format_args!(" ORDER BY (u.name = ''), {NAME}, u.id, c.id"));
}
