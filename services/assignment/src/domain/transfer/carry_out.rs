use chrono::{DateTime, Utc};
use tandem_database::{Connection, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::settle::{give_up, land, release};
use super::{Command, Error, Result};
use crate::domain::App;
use crate::peer::Failed;
use crate::store;
use crate::store::reservation::Reservation;

/// A request id that is claimed here.
#[derive(Debug)]
pub enum Begun {
    /// It was answered before: the first answer.
    Answered(Vec<u8>),
    /// Conversation shall be asked, for the first time or again.
    Pending(Pending),
}

/// What conversation shall be asked.
#[derive(Debug)]
pub struct Pending {
    pub tenant_id: Uuid,
    pub request_id: Uuid,
    /// What conversation knows the request by.
    pub transfer_id: Uuid,
    pub attempt: i32,
    pub expected_epoch: i64,
    /// Encoded.
    pub transfer: Vec<u8>,
}

/// Looks the request id up, before any precondition. `None` when it is new, or was refused before.
///
/// Errors: `REQUEST_ID_REUSED`.
pub async fn begin_again(app: &App, command: &Command) -> Result<Option<Begun>> {
    let mut tx = begin(&app.pool).await?;
    let first =
        store::reservation::lock(&mut tx, command.request.tenant_id, command.request.request_id).await?;
    let Some(first) = first else { return Ok(None) };
    let begun = go_on(&mut tx, command, first, app.ambient.now()).await?;
    tx.commit().await.map_err(tandem_database::Error::from)?;
    Ok(begun)
}

/// Goes on with a reservation whose row is locked. `None` for a released one.
pub(super) async fn go_on(
    connection: &mut Connection,
    command: &Command,
    first: Reservation,
    now: DateTime<Utc>,
) -> tandem_database::Result<Option<Begun>> {
    let request = &command.request;
    if first.scope != request.scope || first.body_hash != request.body_hash {
        return Err(
            Fault::new(Reason::RequestIdReused, "the request id was used before with another body").into()
        );
    }
    if let Some(answer) = first.answer {
        return Ok(Some(Begun::Answered(answer)));
    }
    if first.released {
        return Ok(None);
    }
    let transfer =
        first.transfer.ok_or_else(|| Fault::internal("a reservation has neither transfer nor answer"))?;
    let attempt = store::reservation::attempt(connection, request.tenant_id, request.request_id, now).await?;
    Ok(Some(Begun::Pending(Pending {
        tenant_id: request.tenant_id,
        request_id: request.request_id,
        transfer_id: first.transfer_id,
        attempt,
        // The fence is not part of the body: the newest call says what it was decided on.
        expected_epoch: command.expected_epoch,
        transfer,
    })))
}

/// Asks conversation under the reservation's request id, and settles the reservation. Answers the first answer, encoded.
///
/// A definitive refusal releases the reservation. Where the outcome is unknown it stays: a retry with the same request id
/// finds out, the timeline entry tells, or `tick` resolves it.
pub async fn carry_out(app: &App, begun: Begun) -> Result<Vec<u8>> {
    let pending = match begun {
        Begun::Answered(answer) => return Ok(answer),
        Begun::Pending(pending) => pending,
    };
    let tenant_id = pending.tenant_id;
    match app.conversations.transfer(tenant_id, &pending.transfer, pending.expected_epoch).await {
        Ok(landed) => Ok(land(app, tenant_id, pending.request_id, landed).await?),
        Err(Failed::Refused(refused)) if refused.is_for_good() => {
            give_up(app, tenant_id, pending.transfer_id).await?;
            let reason = Reason::RequestInProgress;
            Err(Fault::new(reason, "an earlier call of this request was just given up").into())
        }
        Err(Failed::Refused(refused)) => {
            release(app, tenant_id, pending.request_id, pending.attempt).await?;
            Err(Error::Refused(refused))
        }
        Err(Failed::Unknown(fault)) => Err(fault.into()),
    }
}
