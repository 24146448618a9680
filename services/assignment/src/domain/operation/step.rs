use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use futures::stream::{self, StreamExt};
use tandem_database::{Result, begin};
use tandem_fault::Reason;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::kinds::OperationKind;
use crate::domain::model::{Holder, Operation};
use crate::domain::transfer::{self, Moved, move_on};
use crate::store;
use crate::store::operation::Settled;

/// Conversations of one step.
const MOST: i64 = 50;
/// Conversations that are moved at once.
const AT_ONCE: usize = 8;
/// How long a process has an operation without a word: longer than a step lasts.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// What a step did.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// There is no operation to carry on.
    Nothing,
    /// An operation is further than before, or has ended.
    WentOn,
    /// This one waits: for conversation to answer, or for its feed to show what was done.
    Waits(Uuid),
}

/// What is known of one transfer.
enum Outcome {
    Moved,
    Skipped,
    Failed(String),
    /// Tried again later, under the same request id.
    Unknown,
}

/// Carries one operation on that is none of `passed`. A process that ends in the middle leaves what it did to whoever has the
/// lease next.
pub async fn step(app: &App, passed: &[Uuid]) -> Result<Step> {
    let (lease, now) = (app.ambient.id(), app.ambient.now());
    let mut tx = begin(&app.pool).await?;
    let taken = store::operation::take(&mut tx, lease, (now, now + LEASE), passed).await?;
    let Some(operation) = taken else { return Ok(Step::Nothing) };
    let pending = store::operation::pending(&mut tx, &operation, MOST).await?;
    tx.commit().await?;
    if pending.is_empty() {
        return finish(app, &operation, lease).await;
    }
    let settled = move_all(app, &operation, &pending).await?;
    let any = settled.moved.len() + settled.skipped.len() + settled.failed.len() > 0;
    let mut tx = begin(&app.pool).await?;
    store::operation::settle(&mut tx, &operation, &settled, app.ambient.now()).await?;
    store::operation::give_back(&mut tx, &operation, lease, false, app.ambient.now()).await?;
    tx.commit().await?;
    Ok(if any { Step::WentOn } else { Step::Waits(operation.id) })
}

/// Nothing is left to be moved that is known. A deactivation goes on until the agent holds nothing any more; the others are
/// over what was held when they began.
async fn finish(app: &App, operation: &Operation, lease: Uuid) -> Result<Step> {
    let mut tx = begin(&app.pool).await?;
    let mut unfinished = false;
    if operation.kind == OperationKind::Deactivate {
        store::operation::find_held(&mut tx, &[(operation.tenant_id, operation.id)]).await?;
        unfinished = store::operation::is_unfinished(&mut tx, operation).await?;
    }
    let found = unfinished && !store::operation::pending(&mut tx, operation, 1).await?.is_empty();
    store::operation::give_back(&mut tx, operation, lease, !unfinished, app.ambient.now()).await?;
    tx.commit().await?;
    Ok(if unfinished && !found { Step::Waits(operation.id) } else { Step::WentOn })
}

async fn move_all(app: &App, operation: &Operation, pending: &[(Uuid, i64)]) -> Result<Settled> {
    let queues = queues(app, operation, pending).await?;
    let mut settled =
        Settled { skipped: gone(app, operation, pending, &queues).await?, ..Settled::default() };
    // Once one has no answer the others would wait for theirs as well.
    let away = AtomicBool::new(false);
    let known =
        pending.iter().filter_map(|(id, epoch)| Some(moved(operation, *id, *epoch, *queues.get(id)?)));
    let moves: Vec<Moved> = known.collect();
    let moves = moves.into_iter().map(|one| move_one(app, one, &away));
    let outcomes: Vec<(Uuid, Outcome)> = stream::iter(moves).buffer_unordered(AT_ONCE).collect().await;
    for (id, outcome) in outcomes {
        match outcome {
            Outcome::Moved => settled.moved.push(id),
            Outcome::Skipped => settled.skipped.push(id),
            Outcome::Failed(reason) => {
                settled.failed.push(id);
                settled.failed_reason = Some(reason);
            }
            Outcome::Unknown => {}
        }
    }
    Ok(settled)
}

async fn move_one(app: &App, moved: Moved, away: &AtomicBool) -> (Uuid, Outcome) {
    let id = moved.conversation_id;
    if away.load(Ordering::Relaxed) {
        return (id, Outcome::Unknown);
    }
    let outcome = outcome(move_on(app, moved).await);
    if matches!(outcome, Outcome::Unknown) {
        away.store(true, Ordering::Relaxed);
    }
    (id, outcome)
}

/// To whom each conversation goes; what is not known yet is left out.
async fn queues(app: &App, operation: &Operation, pending: &[(Uuid, i64)]) -> Result<HashMap<Uuid, Holder>> {
    let ids = pending.iter().map(|(id, _)| *id);
    if let Some(to) = operation.to {
        return Ok(ids.map(|id| (id, to)).collect());
    }
    let ids: Vec<Uuid> = ids.collect();
    let mut connection = app.pool.acquire().await?;
    let (tenant_id, agent_id) = (operation.tenant_id, operation.agent_id);
    let teams = store::queue::of_conversations(&mut connection, tenant_id, agent_id, &ids).await?;
    Ok(teams.into_iter().map(|(id, team)| (id, Holder::team_or_nobody(team))).collect())
}

/// What will never be known: a restore of conversation's database has undone it.
async fn gone(
    app: &App,
    operation: &Operation,
    pending: &[(Uuid, i64)],
    queues: &HashMap<Uuid, Holder>,
) -> Result<Vec<Uuid>> {
    let unknown: Vec<Uuid> =
        pending.iter().map(|(id, _)| *id).filter(|id| !queues.contains_key(id)).collect();
    if unknown.is_empty() {
        return Ok(unknown);
    }
    let mut connection = app.pool.acquire().await?;
    store::operation::gone(&mut connection, operation.tenant_id, &unknown).await
}

fn moved(operation: &Operation, conversation_id: Uuid, epoch: i64, to: Holder) -> Moved {
    let name = [&conversation_id.as_bytes()[..], &epoch.to_be_bytes()].concat();
    Moved {
        tenant_id: operation.tenant_id,
        request_id: Uuid::new_v5(&operation.id, &name),
        conversation_id,
        epoch,
        to,
        actor: operation.actor,
        note: operation.note.clone(),
        beyond: operation.force,
    }
}

fn outcome(moved: transfer::Result<Vec<u8>>) -> Outcome {
    let reason = match moved {
        Ok(_) => return Outcome::Moved,
        Err(transfer::Error::Refused(refused)) => refused.reason(),
        Err(transfer::Error::Own(tandem_database::Error::Fault(fault)))
            if [Reason::CapacityFull, Reason::AgentInactive].contains(&fault.reason) =>
        {
            fault.reason.as_str().to_owned()
        }
        Err(error) => {
            tracing::debug!(?error, "a conversation of an operation is tried again");
            return Outcome::Unknown;
        }
    };
    let others = [Reason::HeldByOther, Reason::ConversationClosed, Reason::NotFound].map(Reason::as_str);
    if others.contains(&reason.as_str()) { Outcome::Skipped } else { Outcome::Failed(reason) }
}
