use chrono::{DateTime, Utc};
use serde_json::Value;
use tandem_database::{Connection, Result};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::content::{Content, Referral};
use crate::domain::kinds::{ActorKind, DeliveryState, checked};
use crate::domain::model::{Actor, Message};

struct Record {
    tenant_id: Uuid,
    id: Uuid,
    conversation_id: Uuid,
    position: i64,
    author_kind: i16,
    author_id: Option<Uuid>,
    private: bool,
    content: Option<Value>,
    reactions: Value,
    source_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    stored_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    edited_by: String,
    deleted_at: Option<DateTime<Utc>>,
    media: Option<Value>,
    epoch: i64,
    answers_position: i64,
    reply_to_position: i64,
    reply_to_external_id: String,
    forwarded: bool,
    external_id: String,
    referral: Option<Value>,
    mention_agent_ids: Vec<Uuid>,
    waited_since: Option<DateTime<Utc>>,
    first_response: bool,
    version: i64,
    delivery: Option<i16>,
    delivery_failure: String,
    author_name: String,
    channel_id: Uuid,
    contact_id: Uuid,
}

impl Record {
    fn into_message(self) -> Result<(Uuid, Message)> {
        let content =
            self.content.map(serde_json::from_value::<Content>).transpose().map_err(Fault::internal)?;
        let reactions = serde_json::from_value(self.reactions).map_err(Fault::internal)?;
        let referral =
            self.referral.map(serde_json::from_value::<Referral>).transpose().map_err(Fault::internal)?;
        let media = self.media.map(serde_json::from_value).transpose().map_err(Fault::internal)?;
        let message = Message {
            id: self.id,
            conversation_id: self.conversation_id,
            position: self.position,
            author: Actor { kind: checked(ActorKind::from_number(self.author_kind)), id: self.author_id },
            private: self.private,
            content,
            reactions,
            source_at: self.source_at,
            received_at: self.received_at,
            stored_at: self.stored_at,
            edited_at: self.edited_at,
            edited_by: self.edited_by,
            deleted_at: self.deleted_at,
            media,
            epoch: self.epoch,
            activity_number: 0,
            answers_position: self.answers_position,
            reply_to_position: self.reply_to_position,
            reply_to_external_id: self.reply_to_external_id,
            forwarded: self.forwarded,
            external_id: self.external_id,
            referral,
            mention_agent_ids: self.mention_agent_ids,
            waited_since: self.waited_since,
            first_response: self.first_response,
            version: self.version,
            delivery: self.delivery.and_then(DeliveryState::from_number),
            delivery_failure: self.delivery_failure,
            author_name: self.author_name,
            channel_id: self.channel_id,
            contact_id: self.contact_id,
        };
        Ok((self.tenant_id, message))
    }
}

/// Inserts new messages.
pub async fn insert(connection: &mut Connection, tenant_id: Uuid, messages: &[Message]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut contents = Vec::with_capacity(messages.len());
    for message in messages {
        contents
            .push(message.content.as_ref().map(serde_json::to_value).transpose().map_err(Fault::internal)?);
    }
    let column = |of: fn(&Message) -> i64| messages.iter().map(of).collect::<Vec<i64>>();
    let time = |of: fn(&Message) -> DateTime<Utc>| messages.iter().map(of).collect::<Vec<_>>();
    let conversations: Vec<Uuid> = messages.iter().map(|message| message.conversation_id).collect();
    let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
    let kinds: Vec<i16> = messages.iter().map(|message| message.author.kind.number()).collect();
    let authors: Vec<Option<Uuid>> = messages.iter().map(|message| message.author.id).collect();
    let privates: Vec<bool> = messages.iter().map(|message| message.private).collect();
    let forwarded: Vec<bool> = messages.iter().map(|message| message.forwarded).collect();
    let quoted: Vec<String> = messages.iter().map(|message| message.reply_to_external_id.clone()).collect();
    let external: Vec<String> = messages.iter().map(|message| message.external_id.clone()).collect();
    let edited: Vec<Option<DateTime<Utc>>> = messages.iter().map(|message| message.edited_at).collect();
    let deleted: Vec<Option<DateTime<Utc>>> = messages.iter().map(|message| message.deleted_at).collect();
    let edited_by: Vec<String> = messages.iter().map(|message| message.edited_by.clone()).collect();
    let waited: Vec<Option<DateTime<Utc>>> = messages.iter().map(|message| message.waited_since).collect();
    let first: Vec<bool> = messages.iter().map(|message| message.first_response).collect();
    // Arrays of arrays must be even in SQL: mentions travel as text and are cut apart again.
    let mentions: Vec<String> = messages
        .iter()
        .map(|message| message.mention_agent_ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","))
        .collect();
    let (mut reactions, mut referrals, mut media) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        media.push(message.media.as_ref().map(serde_json::to_value).transpose().map_err(Fault::internal)?);
        reactions.push(serde_json::to_value(&message.reactions).map_err(Fault::internal)?);
        referrals
            .push(message.referral.as_ref().map(serde_json::to_value).transpose().map_err(Fault::internal)?);
    }
    sqlx::query!(
        "INSERT INTO message (tenant_id, conversation_id, position, id, author_kind, author_id, private, content,
             source_at, received_at, stored_at, epoch, answers_position, reply_to_position, reply_to_external_id,
             forwarded, external_id, edited_at, deleted_at, reactions, edited_by, referral, mention_agent_ids,
             activity_number, media, waited_since, first_response)
         SELECT $1, n.conversation_id, n.position, n.id, n.author_kind, n.author_id, n.private, n.content, n.source_at,
             n.received_at, n.stored_at, n.epoch, n.answers_position, n.reply_to_position, n.reply_to_external_id,
             n.forwarded, n.external_id, n.edited_at, n.deleted_at, n.reactions, n.edited_by, n.referral,
             string_to_array(n.mentions, ',')::uuid[], n.activity_number, n.media, n.waited_since,
             n.first_response
         FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::smallint[], $6::uuid[], $7::boolean[],
             $8::jsonb[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::bigint[], $13::bigint[],
             $14::bigint[], $15::text[], $16::boolean[], $17::text[], $18::timestamptz[], $19::timestamptz[],
             $20::jsonb[], $21::text[], $22::jsonb[], $23::text[], $24::bigint[], $25::jsonb[],
             $26::timestamptz[], $27::boolean[])
             AS n (conversation_id, position, id, author_kind, author_id, private, content, source_at, received_at,
                   stored_at, epoch, answers_position, reply_to_position, reply_to_external_id, forwarded, external_id,
                   edited_at, deleted_at, reactions, edited_by, referral, mentions, activity_number, media,
                   waited_since, first_response)",
        tenant_id,
        &conversations,
        &column(|message| message.position),
        &ids,
        &kinds,
        &authors as &[Option<Uuid>],
        &privates,
        &contents as &[Option<Value>],
        &time(|message| message.source_at),
        &time(|message| message.received_at),
        &time(|message| message.stored_at),
        &column(|message| message.epoch),
        &column(|message| message.answers_position),
        &column(|message| message.reply_to_position),
        &quoted,
        &forwarded,
        &external,
        &edited as &[Option<DateTime<Utc>>],
        &deleted as &[Option<DateTime<Utc>>],
        &reactions,
        &edited_by,
        &referrals as &[Option<Value>],
        &mentions,
        &column(|message| message.activity_number),
        &media as &[Option<Value>],
        &waited as &[Option<DateTime<Utc>>],
        &first,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Saves content, reactions and tombstones of messages whose conversations are locked.
pub async fn save(connection: &mut Connection, tenant_id: Uuid, messages: &[&Message]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
    let (mut contents, mut reactions, mut media) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        media.push(message.media.as_ref().map(serde_json::to_value).transpose().map_err(Fault::internal)?);
        contents
            .push(message.content.as_ref().map(serde_json::to_value).transpose().map_err(Fault::internal)?);
        reactions.push(serde_json::to_value(&message.reactions).map_err(Fault::internal)?);
    }
    let edited: Vec<Option<DateTime<Utc>>> = messages.iter().map(|message| message.edited_at).collect();
    let deleted: Vec<Option<DateTime<Utc>>> = messages.iter().map(|message| message.deleted_at).collect();
    let edited_by: Vec<String> = messages.iter().map(|message| message.edited_by.clone()).collect();
    let saved = sqlx::query!(
        "UPDATE message AS m SET content = n.content, reactions = n.reactions, edited_at = n.edited_at,
             deleted_at = n.deleted_at, edited_by = n.edited_by, media = n.media, version = m.version + 1
         FROM unnest($2::uuid[], $3::jsonb[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[], $7::text[],
              $8::jsonb[]) AS n (id, content, reactions, edited_at, deleted_at, edited_by, media)
         WHERE m.tenant_id = $1 AND m.id = n.id",
        tenant_id,
        &ids,
        &contents as &[Option<Value>],
        &reactions,
        &edited as &[Option<DateTime<Utc>>],
        &deleted as &[Option<DateTime<Utc>>],
        &edited_by,
        &media as &[Option<Value>],
    )
    .execute(connection)
    .await?
    .rows_affected();
    super::all_written(saved, messages.len())
}

/// A stored message, and the position in its conversation that it turned out to quote.
#[derive(Debug, Clone, Copy)]
pub struct Quote {
    pub message_id: Uuid,
    pub conversation_id: Uuid,
    pub position: i64,
}

/// Points messages at what they quote, once that has come; one that is in another conversation is left alone. Answers
/// the messages that changed.
pub async fn resolve_quotes(
    connection: &mut Connection,
    tenant_id: Uuid,
    quotes: &[Quote],
) -> Result<Vec<(Uuid, i64)>> {
    if quotes.is_empty() {
        return Ok(Vec::new());
    }
    let messages: Vec<Uuid> = quotes.iter().map(|quote| quote.message_id).collect();
    let conversations: Vec<Uuid> = quotes.iter().map(|quote| quote.conversation_id).collect();
    let positions: Vec<i64> = quotes.iter().map(|quote| quote.position).collect();
    let rows = sqlx::query!(
        "UPDATE message AS m SET reply_to_position = n.position, reply_to_external_id = '', version = m.version + 1
         FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS n (id, conversation_id, position)
         WHERE m.tenant_id = $1 AND m.id = n.id AND m.conversation_id = n.conversation_id
         RETURNING m.id, m.version",
        tenant_id,
        &messages,
        &conversations,
        &positions,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.version)).collect())
}

/// The ids by which a channel knows messages: positions of one conversation each.
pub async fn external_ids(
    connection: &mut Connection,
    tenant_id: Uuid,
    wanted: &[(Uuid, i64)],
) -> Result<Vec<((Uuid, i64), String)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (conversations, positions): (Vec<Uuid>, Vec<i64>) = wanted.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"SELECT m.conversation_id, m.position, coalesce(nullif(m.external_id, ''), o.provider_id, '') AS "external_id!"
           FROM unnest($2::uuid[], $3::bigint[]) AS n (conversation_id, position)
           JOIN message m ON m.tenant_id = $1 AND m.conversation_id = n.conversation_id AND m.position = n.position
           LEFT JOIN outbound o ON o.tenant_id = m.tenant_id AND o.message_id = m.id"#,
        tenant_id,
        &conversations,
        &positions,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| ((row.conversation_id, row.position), row.external_id)).collect())
}

/// Messages of any tenants by (tenant, id). Their version counts what became of the reply too.
pub async fn read(connection: &mut Connection, ids: &[(Uuid, Uuid)]) -> Result<Vec<(Uuid, Message)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
    let rows = sqlx::query_as!(
        Record,
        r#"SELECT m.tenant_id, m.id, m.conversation_id, m.position, author_kind, author_id, private, content, reactions,
                source_at, received_at, stored_at, edited_at, edited_by, deleted_at, media, m.epoch, answers_position,
                reply_to_position, reply_to_external_id, forwarded, referral, mention_agent_ids,
                waited_since, first_response,
                coalesce(nullif(external_id, ''), o.provider_id, '') AS "external_id!",
                m.version + coalesce(o.version, 0) AS "version!",
                -- What receipts up to a later point imply counts for what was sent and did not fail.
                CASE WHEN o.state IN (4, 8) AND o.implied > 0 THEN o.implied
                     WHEN o.state = 5 AND o.implied = 6 THEN o.implied ELSE o.state END AS "delivery?",
                CASE WHEN o.state = 7 THEN o.failure ELSE '' END AS "delivery_failure!",
                coalesce(a.name, '') AS "author_name!", c.channel_id, c.contact_id
         -- Hidden from the planner, as in `row::read`: it plans once, and not at every call.
         FROM unnest((SELECT $1::uuid[]), $2::uuid[]) AS wanted (tenant_id, id)
         JOIN message m ON m.tenant_id = wanted.tenant_id AND m.id = wanted.id
         JOIN conversation c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
         LEFT JOIN outbound o ON o.tenant_id = m.tenant_id AND o.message_id = m.id
         LEFT JOIN agent a ON a.tenant_id = m.tenant_id AND a.id = m.author_id"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Record::into_message).collect()
}

/// A page of (tenant, id) pairs after one, for a snapshot.
pub async fn page_ids(
    connection: &mut Connection,
    after: (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    let rows = sqlx::query!(
        "SELECT tenant_id, id FROM message WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3",
        after.0,
        after.1,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// A conversation's messages with positions in `from..=to`, in order; with `newest_first`, the last ones of them.
pub async fn range(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_id: Uuid,
    from: i64,
    to: i64,
    newest_first: bool,
    limit: i64,
) -> Result<Vec<Message>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM message
         WHERE tenant_id = $1 AND conversation_id = $2 AND position BETWEEN $3 AND $4
         ORDER BY CASE WHEN $5 THEN -position ELSE position END LIMIT $6",
        tenant_id,
        conversation_id,
        // Positions are gap-free, so the window is known: the sort never sees more than a page.
        if newest_first { from.max(to.saturating_sub(limit - 1)) } else { from },
        if newest_first { to } else { to.min(from.saturating_add(limit - 1)) },
        newest_first,
        limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut messages = find(connection, tenant_id, &ids).await?;
    messages.sort_unstable_by_key(|message| if newest_first { -message.position } else { message.position });
    Ok(messages)
}

/// Messages of one tenant by id.
pub async fn find(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Message>> {
    let ids: Vec<_> = ids.iter().map(|id| (tenant_id, *id)).collect();
    Ok(read(connection, &ids).await?.into_iter().map(|(_, message)| message).collect())
}

/// The newest number of customer activity up to a position, among the hundred before it; 0 for none.
pub async fn activity_up_to(
    connection: &mut Connection,
    tenant_id: Uuid,
    conversation_id: Uuid,
    position: i64,
) -> Result<i64> {
    let number = sqlx::query_scalar!(
        "SELECT max(activity_number) FROM message
         WHERE tenant_id = $1 AND conversation_id = $2 AND position <= $3 AND position > $3::bigint - 100",
        tenant_id,
        conversation_id,
        position,
    )
    .fetch_one(connection)
    .await?;
    Ok(number.unwrap_or_default())
}
