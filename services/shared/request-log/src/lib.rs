//! The first answer to every request id (design sections 8 and 9): looked up before any precondition,
//! in the transaction of the write; kept 30 days.
//!
//! ```ignore
//! let mut tx = database::begin(&pool).await?;
//! if let Some(answer) = request_log::claim(&mut tx, &request, now).await? {
//!     return Ok(answer); // the first answer again
//! }
//! // … the write …
//! request_log::record(&mut tx, &request, &answer).await?;
//! tx.commit().await?;
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

/// How long an answer is kept.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// Names one request of one caller.
#[derive(Debug, Clone)]
pub struct Request {
    pub tenant_id: Uuid,
    /// The method, such as `SendMessage`; an id is unique within it.
    pub scope: &'static str,
    pub request_id: Uuid,
    /// SHA-256 of the request's body without fences, etags, freshness tokens and source times.
    pub body_hash: [u8; 32],
}

impl Request {
    /// `body` is the encoded request with what does not count as its body cleared.
    pub fn new(tenant_id: Uuid, scope: &'static str, request_id: Uuid, body: &[u8]) -> Self {
        Self { tenant_id, scope, request_id, body_hash: Sha256::digest(body).into() }
    }
}

/// Claims a request id, or answers what was answered first. A concurrent duplicate waits for the first to end.
///
/// Errors: `REQUEST_ID_REUSED` when the id came with another body, `ERASED` when the answer was erased with whom it tells of.
pub async fn claim<A: DeserializeOwned>(
    connection: &mut Connection,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<Option<A>> {
    let claimed = sqlx::query!(
        "INSERT INTO request_log (tenant_id, scope, request_id, body_hash, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        request.tenant_id,
        request.scope,
        request.request_id,
        &request.body_hash[..],
        now,
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if claimed == 1 {
        return Ok(None);
    }
    // A new statement: the one that lost the race cannot see the winner's row.
    let Some(first) = find(connection, request.tenant_id, request.scope, request.request_id).await? else {
        return Err(Fault::new(Reason::RequestInProgress, "the same request id was just given up").into());
    };
    if first.body_hash == REFUSED {
        return Err(Fault::new(Reason::TransferRefused, "the request was refused for good").into());
    }
    if first.body_hash != request.body_hash {
        return Err(
            Fault::new(Reason::RequestIdReused, "the request id was used before with another body").into()
        );
    }
    // What is committed has an answer, as long as that is not taken away.
    let erased = || Fault::new(Reason::Erased, "the answer was erased with the person that it told of");
    let answer = first.answer.ok_or_else(erased)?;
    serde_json::from_slice(&answer).map(Some).map_err(|error| Fault::internal(error).into())
}

/// Records the answer of a claimed request, in the same transaction.
pub async fn record(connection: &mut Connection, request: &Request, answer: &impl Serialize) -> Result<()> {
    let answer = serde_json::to_vec(answer).map_err(Fault::internal)?;
    let recorded = sqlx::query!(
        "UPDATE request_log SET answer = $4 WHERE tenant_id = $1 AND scope = $2 AND request_id = $3",
        request.tenant_id,
        request.scope,
        request.request_id,
        answer,
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if recorded == 1 {
        Ok(())
    } else {
        Err(Fault::internal("a request was recorded that was not claimed").into())
    }
}

/// What is recorded under a request id. Without an answer it was refused for good.
#[derive(Debug)]
pub struct Recorded {
    pub body_hash: [u8; 32],
    pub answer: Option<Vec<u8>>,
}

/// Looks a request id up without claiming it.
pub async fn find(
    connection: &mut Connection,
    tenant_id: Uuid,
    scope: &str,
    request_id: Uuid,
) -> Result<Option<Recorded>> {
    let row = sqlx::query!(
        "SELECT body_hash, answer FROM request_log WHERE tenant_id = $1 AND scope = $2 AND request_id = $3",
        tenant_id,
        scope,
        request_id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row
        .map(|row| Recorded { body_hash: row.body_hash.try_into().unwrap_or_default(), answer: row.answer }))
}

/// Records that a request will never be carried out, unless it was already: waits for one under way.
/// The refusal has no body hash of its own, so any delayed call is refused.
pub async fn refuse(
    connection: &mut Connection,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<Option<Vec<u8>>> {
    sqlx::query!(
        "INSERT INTO request_log (tenant_id, scope, request_id, body_hash, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        request.tenant_id,
        request.scope,
        request.request_id,
        &REFUSED[..],
        now,
    )
    .execute(&mut *connection)
    .await?;
    let recorded = find(connection, request.tenant_id, request.scope, request.request_id).await?;
    Ok(recorded.and_then(|recorded| recorded.answer))
}

/// Stands in for the body hash of a refused request.
const REFUSED: [u8; 32] = [0; 32];

/// Forgets answers older than [`KEPT`], at most `limit` a call. Answers how many.
pub async fn prune(connection: &mut Connection, now: DateTime<Utc>, limit: i64) -> Result<u64> {
    let pruned = sqlx::query!(
        "DELETE FROM request_log WHERE (tenant_id, scope, request_id) IN (
             SELECT tenant_id, scope, request_id FROM request_log WHERE created_at < $1 LIMIT $2)",
        now - KEPT,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(pruned.rows_affected())
}
