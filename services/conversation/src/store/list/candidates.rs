//! Filters that name their conversations: the few that are unread, or those of some contacts. Looked up first, and then
//! sorted in any order; a filter that means more than the budget is scanned like any other. A–Z, which has no index behind
//! an equality, sorts what is few behind one.

use sqlx::{Postgres, QueryBuilder};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::Question;
use super::branches::{Equality, Source};
use crate::domain::order::Order;

pub(super) async fn of(connection: &mut Connection, question: &Question<'_>) -> Result<Option<Vec<Uuid>>> {
    let (viewer, filter, most) = (question.viewer, question.filter, question.budget);
    let ids = if !filter.contact_ids.is_empty() {
        of_contacts(connection, viewer.tenant_id, &filter.contact_ids, most + 1).await?
    } else if !filter.customer_ids.is_empty() {
        of_customers(connection, viewer.tenant_id, &filter.customer_ids, most + 1).await?
    } else if let (Some(true), Some(agent_id)) = (filter.unread, viewer.agent_id) {
        unread(connection, viewer.tenant_id, agent_id, most + 1).await?
    } else if let (Order::CustomerName, Source::Equal(equal)) = (question.order, Source::of(question))
        && !matches!(equal[..], [Equality::Status(_), _, _, ..])
    {
        behind(connection, viewer.tenant_id, &equal, most + 1).await?
    } else {
        return Ok(None);
    };
    Ok(i64::try_from(ids.len()).is_ok_and(|found| found <= most).then_some(ids))
}

/// What stands behind equalities, in no order.
async fn behind(
    connection: &mut Connection,
    tenant_id: Uuid,
    equal: &[Equality],
    limit: i64,
) -> Result<Vec<Uuid>> {
    if equal.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = QueryBuilder::<Postgres>::new("SELECT id FROM (");
    for (number, equality) in equal.iter().enumerate() {
        sql.push(if number == 0 { "" } else { " UNION ALL " });
        sql.push("(SELECT c.id FROM conversation c WHERE c.tenant_id = ").push_bind(tenant_id);
        equality.push(&mut sql);
        sql.push(format_args!(" LIMIT {limit})"));
    }
    sql.push(format_args!(") AS c LIMIT {limit}"));
    Ok(sql.build_query_scalar().fetch_all(connection).await?)
}

async fn of_contacts(
    connection: &mut Connection,
    tenant_id: Uuid,
    contact_ids: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM conversation WHERE tenant_id = $1 AND contact_id = ANY($2) LIMIT $3",
        tenant_id,
        contact_ids,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// Over all contacts of those that stand for customers, also those of customers that were merged into them.
async fn of_customers(
    connection: &mut Connection,
    tenant_id: Uuid,
    customer_ids: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"WITH asked AS MATERIALIZED (
               SELECT coalesce(s.merged_into, given.id) AS id FROM unnest($2::uuid[]) AS given (id)
               LEFT JOIN customer s ON s.tenant_id = $1 AND s.id = given.id),
           meant AS MATERIALIZED (
               SELECT id FROM asked
               UNION SELECT id FROM customer WHERE tenant_id = $1 AND merged_into IN (SELECT id FROM asked)),
           theirs AS MATERIALIZED (
               SELECT k.id FROM contact k WHERE k.tenant_id = $1 AND k.customer_id IN (SELECT id FROM meant)
               UNION SELECT l.contact_id FROM contact_customer l
               WHERE l.tenant_id = $1 AND l.customer_id IN (SELECT id FROM meant))
           SELECT c.id FROM conversation c
           WHERE c.tenant_id = $1 AND c.contact_id IN (SELECT id FROM theirs) LIMIT $3"#,
        tenant_id,
        customer_ids,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// Above the watermark and not read since, and below it and marked unread. At most `limit` above are looked at; more of
/// them, and the answer is as many ids as the limit.
async fn unread(
    connection: &mut Connection,
    tenant_id: Uuid,
    agent_id: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar!(
        r#"WITH above AS MATERIALIZED (
               SELECT c.id FROM conversation c
               WHERE c.tenant_id = $1 AND c.activity_number > coalesce(
                   (SELECT number FROM read_watermark WHERE tenant_id = $1 AND agent_id = $2), 0)
               ORDER BY c.activity_number DESC LIMIT $3)
           SELECT id AS "id!" FROM above
           UNION SELECT conversation_id FROM read_exception WHERE tenant_id = $1 AND agent_id = $2 AND unread"#,
        tenant_id,
        agent_id,
        limit,
    );
    Ok(ids.fetch_all(connection).await?)
}
