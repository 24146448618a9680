//! What became of reservations: from the call's answer, from the timeline, or by asking.

use chrono::TimeDelta;
use tandem_database::{Connection, Result, begin};
use uuid::Uuid;

use crate::domain::App;
use crate::domain::model::{Conversation, HolderChange};
use crate::peer::Landed;
use crate::store;

/// How long a reservation may be pending before it is asked about: longer than any call lives.
const ORPHANED: TimeDelta = TimeDelta::seconds(30);
/// How long a landed one may wait for conversation's state: one that a restore of conversation's database undid never
/// shows, and must not take capacity for ever.
const LOST: TimeDelta = TimeDelta::hours(1);
/// The most that one tick asks about or forgets.
const MOST: i64 = 200;

/// Records that conversation has committed the transfer. Answers the first answer.
pub(super) async fn land(app: &App, tenant_id: Uuid, request_id: Uuid, landed: Landed) -> Result<Vec<u8>> {
    let mut tx = begin(&app.pool).await?;
    let first =
        store::reservation::land(&mut tx, tenant_id, request_id, landed.epoch, &landed.answer).await?;
    tx.commit().await?;
    Ok(first)
}

/// Gives the capacity back, by the answer to an attempt.
pub(super) async fn release(app: &App, tenant_id: Uuid, request_id: Uuid, attempt: i32) -> Result<()> {
    let mut tx = begin(&app.pool).await?;
    store::reservation::release(&mut tx, tenant_id, request_id, attempt).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives the capacity back where conversation will never carry the transfer out. The same request may be made again: it
/// goes under another transfer id then.
pub(super) async fn give_up(app: &App, tenant_id: Uuid, transfer_id: Uuid) -> Result<()> {
    let mut tx = begin(&app.pool).await?;
    store::reservation::give_up(&mut tx, tenant_id, transfer_id, app.ambient.id()).await?;
    tx.commit().await?;
    Ok(())
}

/// Asks conversation what became of a transfer, and writes it down: the first answer, or `None` when it never lands.
pub(super) async fn decide(
    app: &App,
    tenant_id: Uuid,
    request_id: Uuid,
    transfer_id: Uuid,
) -> Result<Option<Vec<u8>>> {
    if let Some(landed) = app.conversations.resolve(tenant_id, transfer_id).await? {
        return land(app, tenant_id, request_id, landed).await.map(Some);
    }
    give_up(app, tenant_id, transfer_id).await?;
    Ok(None)
}

/// What the feed says: entries land the reservations that made them, states settle those that they show.
pub async fn follow(
    connection: &mut Connection,
    changes: &[HolderChange],
    conversations: &[Conversation],
) -> Result<()> {
    store::reservation::land_by_entries(connection, changes).await?;
    store::reservation::settle_by_states(connection, conversations).await
}

/// Asks conversation about reservations that nobody is carrying out any more, so that a delayed call cannot land later.
/// Answers how many are decided.
pub async fn resolve_orphans(app: &App) -> Result<usize> {
    let before = app.ambient.now() - ORPHANED;
    let mut connection = app.pool.acquire().await?;
    let orphans = store::reservation::orphans(&mut connection, before, MOST).await?;
    drop(connection);
    let mut decided = 0;
    for (tenant_id, request_id, transfer_id) in orphans {
        if let Err(error) = decide(app, tenant_id, request_id, transfer_id).await {
            // Where conversation is away the others would wait for it as well; what else is due must not.
            tracing::debug!(?error, "a reservation that nobody carries out is asked about again");
            break;
        }
        decided += 1;
    }
    Ok(decided)
}

/// Settles what landed and is shown by now or never will be, and forgets answers as old as the request log's.
pub async fn forget(app: &App) -> Result<()> {
    let now = app.ambient.now();
    let mut tx = begin(&app.pool).await?;
    store::reservation::settle_landed(&mut tx, now - LOST, MOST).await?;
    store::reservation::prune(&mut tx, now - tandem_request_log::KEPT, MOST).await?;
    tx.commit().await?;
    Ok(())
}
