//! Takes what is said of erased people out of copies. Repeated with every state of what was erased: it changes nothing then.

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// Empties notes and summaries about conversations, in histories and notifications.
pub async fn conversations(connection: &mut Connection, keys: &[(Uuid, Uuid)]) -> Result<()> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    sqlx::query!(
        "UPDATE holder_change SET note = '', hand_off_summary = '', hand_off_language = ''
         WHERE (tenant_id, conversation_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
           AND (note <> '' OR hand_off_summary <> '' OR hand_off_language <> '')",
        &tenants,
        &ids,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE notification SET note = ''
         WHERE (tenant_id, conversation_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) AND note <> ''",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Empties notes about customers in notifications.
pub async fn customers(connection: &mut Connection, keys: &[(Uuid, Uuid)]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    sqlx::query!(
        "UPDATE notification SET note = ''
         WHERE (tenant_id, customer_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
           AND customer_id IS NOT NULL AND note <> ''",
        &tenants,
        &ids,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Conversation's answers that are kept for repeated requests, by (tenant, request), locked.
pub async fn answers(
    connection: &mut Connection,
    keys: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, Uuid, Vec<u8>)>> {
    let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"SELECT tenant_id, request_id, answer AS "answer!" FROM reservation
           WHERE (tenant_id, conversation_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
             AND answer IS NOT NULL ORDER BY tenant_id, request_id FOR UPDATE"#,
        &tenants,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.request_id, row.answer)).collect())
}

/// Replaces answers.
pub async fn save_answers(connection: &mut Connection, answers: &[(Uuid, Uuid, Vec<u8>)]) -> Result<()> {
    let tenants: Vec<Uuid> = answers.iter().map(|answer| answer.0).collect();
    let requests: Vec<Uuid> = answers.iter().map(|answer| answer.1).collect();
    let bodies: Vec<&[u8]> = answers.iter().map(|answer| answer.2.as_slice()).collect();
    sqlx::query!(
        "UPDATE reservation r SET answer = n.answer
         FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS n (tenant_id, request_id, answer)
         WHERE r.tenant_id = n.tenant_id AND r.request_id = n.request_id",
        &tenants,
        &requests,
        &bodies as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}
