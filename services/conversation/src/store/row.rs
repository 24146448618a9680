//! Conversations as lists show them: joined with projections a page at a time, one statement.

use chrono::{DateTime, Utc};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::conversation::Record as Plain;
use crate::domain::kinds::{ChannelKind, checked};
use crate::domain::model::Row;

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    channel_id: Uuid,
    contact_id: Uuid,
    status: i16,
    holder_kind: i16,
    holder_id: Option<Uuid>,
    epoch: i64,
    holder_since: DateTime<Utc>,
    last_position: i64,
    last_customer_position: i64,
    answered_position: i64,
    activity_number: i64,
    last_customer_at: Option<DateTime<Utc>>,
    last_reply_source_at: Option<DateTime<Utc>>,
    priority: i16,
    label_ids: Vec<Uuid>,
    needs_attention: i16,
    hand_off_reason: i16,
    hand_off_summary: String,
    answered_by: i16,
    waiting_since: Option<DateTime<Utc>>,
    last_activity_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    snoozed_until: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    answer_due_at: Option<DateTime<Utc>>,
    update_since: Option<DateTime<Utc>>,
    predecessor_id: Option<Uuid>,
    successor_id: Option<Uuid>,
    reopen_count: i32,
    preview: String,
    preview_author: i16,
    erased_at: Option<DateTime<Utc>>,
    version: i64,
    holder_name: String,
    customer_id: Uuid,
    customer_name: String,
    customer_tag_ids: Vec<Uuid>,
    unread: bool,
    unread_count: i64,
    channel_kind: i16,
    channel_name: String,
}

impl From<Record> for Row {
    fn from(row: Record) -> Self {
        Self {
            holder_name: row.holder_name,
            customer_id: row.customer_id,
            customer_name: row.customer_name,
            customer_tag_ids: row.customer_tag_ids,
            unread_count: if row.unread { row.unread_count.max(1) } else { 0 },
            channel_kind: checked(ChannelKind::from_number(row.channel_kind)),
            channel_name: row.channel_name,
            conversation: Plain {
                tenant_id: row.tenant_id,
                id: row.id,
                channel_id: row.channel_id,
                contact_id: row.contact_id,
                status: row.status,
                holder_kind: row.holder_kind,
                holder_id: row.holder_id,
                epoch: row.epoch,
                holder_since: row.holder_since,
                last_position: row.last_position,
                last_customer_position: row.last_customer_position,
                answered_position: row.answered_position,
                activity_number: row.activity_number,
                last_customer_at: row.last_customer_at,
                last_reply_source_at: row.last_reply_source_at,
                priority: row.priority,
                label_ids: row.label_ids,
                needs_attention: row.needs_attention,
                hand_off_reason: row.hand_off_reason,
                hand_off_summary: row.hand_off_summary,
                answered_by: row.answered_by,
                waiting_since: row.waiting_since,
                last_activity_at: row.last_activity_at,
                created_at: row.created_at,
                closed_at: row.closed_at,
                snoozed_until: row.snoozed_until,
                due_at: row.due_at,
                answer_due_at: row.answer_due_at,
                update_since: row.update_since,
                predecessor_id: row.predecessor_id,
                successor_id: row.successor_id,
                reopen_count: row.reopen_count,
                preview: row.preview,
                preview_author: row.preview_author,
                erased_at: row.erased_at,
                version: row.version,
            }
            .into(),
        }
    }
}

/// Rows of conversations in the order of the ids. `agent_id` is whose unread is meant; nobody's when `None`.
pub async fn read(
    connection: &mut Connection,
    tenant_id: Uuid,
    ids: &[Uuid],
    agent_id: Option<Uuid>,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as!(
        Record,
        // What is asked is hidden from the planner: knowing it, it would plan these twelve tables at every call, which takes
        // ten times as long as reading a row.
        r#"WITH asked AS MATERIALIZED (SELECT $2::uuid[] AS ids, $3::uuid AS agent_id)
           SELECT c.tenant_id, c.id, c.channel_id, c.contact_id, c.status, c.holder_kind, c.holder_id, c.epoch,
                c.holder_since, c.last_position, c.last_customer_position, c.answered_position, c.activity_number,
                c.last_customer_at, c.last_reply_source_at, c.priority, c.label_ids, c.needs_attention,
                c.hand_off_reason, c.hand_off_summary, c.answered_by, c.waiting_since, c.last_activity_at,
                c.created_at, c.closed_at, c.snoozed_until, c.due_at, c.answer_due_at, c.update_since, c.predecessor_id, c.successor_id,
                c.reopen_count, c.preview, c.preview_author, c.erased_at, c.version,
                coalesce(holder_agent.name, holder_team.name, '') AS "holder_name!",
                coalesce(survivor.id, customer.id, linked.customer_id, contact.customer_id) AS "customer_id!",
                coalesce(nullif(survivor.name, ''), nullif(customer.name, ''), nullif(contact.display_name, ''),
                         phone.value, '') AS "customer_name!",
                coalesce(survivor.tag_ids, customer.tag_ids, '{}') AS "customer_tag_ids!",
                state.unread AS "unread!",
                -- Marked unread: since the last answer; else what came after the agent's last look.
                (SELECT count(*) FROM message m
                 WHERE state.unread
                   AND m.tenant_id = $1 AND m.conversation_id = c.id AND m.position > c.last_position - 100
                   AND m.author_kind = 1
                   AND CASE WHEN seen.unread AND seen.number >= c.activity_number THEN m.position > c.answered_position
                       ELSE m.activity_number > greatest(coalesce(mark.number, 0), coalesce(seen.number, 0)) END
                ) AS "unread_count!",
                channel.kind AS channel_kind, channel.display_name AS channel_name
           FROM unnest((SELECT ids FROM asked)) WITH ORDINALITY AS wanted (id, n)
           JOIN conversation c ON c.tenant_id = $1 AND c.id = wanted.id
           JOIN channel ON channel.tenant_id = $1 AND channel.id = c.channel_id
           JOIN contact ON contact.tenant_id = $1 AND contact.id = c.contact_id
           LEFT JOIN contact_identity phone
                ON phone.tenant_id = $1 AND phone.contact_id = c.contact_id AND phone.kind = 3
           LEFT JOIN contact_customer linked ON linked.tenant_id = $1 AND linked.contact_id = c.contact_id
           LEFT JOIN customer ON customer.tenant_id = $1
                AND customer.id = coalesce(linked.customer_id, contact.customer_id)
           LEFT JOIN customer survivor ON survivor.tenant_id = $1 AND survivor.id = customer.merged_into
           LEFT JOIN agent holder_agent ON holder_agent.tenant_id = $1 AND holder_agent.id = c.holder_id
                AND c.holder_kind = 2
           LEFT JOIN team holder_team ON holder_team.tenant_id = $1 AND holder_team.id = c.holder_id
                AND c.holder_kind = 3
           LEFT JOIN read_exception seen ON seen.tenant_id = $1 AND seen.conversation_id = c.id
                AND seen.agent_id = (SELECT agent_id FROM asked)
           LEFT JOIN read_watermark mark ON mark.tenant_id = $1 AND mark.agent_id = (SELECT agent_id FROM asked)
           CROSS JOIN LATERAL (SELECT ((SELECT agent_id FROM asked) IS NOT NULL AND c.activity_number > 0 AND CASE
                     WHEN seen.number >= c.activity_number THEN seen.unread
                     ELSE c.activity_number > coalesce(mark.number, 0) END) AS unread) AS state
           ORDER BY wanted.n"#,
        tenant_id,
        ids,
        agent_id,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut rows: Vec<Row> = rows.into_iter().map(Row::from).collect();
    super::label::resolve(
        &mut *connection,
        rows.iter_mut().map(|row| (tenant_id, &mut row.conversation.label_ids)),
    )
    .await?;
    super::customer_tag::resolve(connection, tenant_id, rows.iter_mut().map(|row| &mut row.customer_tag_ids))
        .await?;
    Ok(rows)
}
