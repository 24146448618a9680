//! Group commit: calls that arrive while a tenant's transaction runs share the next one. Nobody waits when idle, and a
//! transaction serves one tenant.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use tandem_database::{Error, Failure, Result};
use tandem_fault::{Fault, Reason};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Ingested, Item, Outcome};
use crate::domain::Domain;
use crate::domain::channel::delete::is_live;

/// Items in one transaction.
const MOST_ITEMS: usize = 500;
/// Items that wait in one process; more are refused before anything is accepted.
const MOST_WAITING: usize = 20_000;
/// Attempts at a transaction that lost a race; each race has a winner that committed.
const ATTEMPTS: u32 = 20;

/// The calls that wait, by tenant. A tenant is present while a worker serves it.
#[derive(Debug, Default)]
pub struct GroupCommit {
    queues: Mutex<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    waiting: usize,
    by_tenant: HashMap<Uuid, Vec<Call>>,
}

#[derive(Debug)]
struct Call {
    items: Vec<Item>,
    answer: oneshot::Sender<Result<Ingested, Fault>>,
}

impl Domain {
    /// Stores a call's items together with whatever else waits for the tenant.
    ///
    /// Errors: `OVERLOADED` before anything is accepted; a fault of the database after which the items' fate is settled
    /// by calling again, since each is stored once.
    pub async fn ingest(&self, tenant_id: Uuid, items: Vec<Item>) -> Result<Ingested, Fault> {
        let (answer, receiver) = oneshot::channel();
        if self.group.join(tenant_id, Call { items, answer })? {
            // The worker is a task of its own: a caller that goes away takes nobody's items with it.
            tokio::spawn(serve(self.clone(), tenant_id));
        }
        receiver.await.unwrap_or_else(|_| Err(Fault::internal("an ingest worker ended without an answer")))
    }
}

impl GroupCommit {
    /// Adds a call. Answers whether the tenant needs a worker.
    fn join(&self, tenant_id: Uuid, call: Call) -> Result<bool, Fault> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.waiting + call.items.len() > MOST_WAITING {
            return Err(Fault::new(Reason::Overloaded, "too many messages wait to be stored"));
        }
        queues.waiting += call.items.len();
        match queues.by_tenant.entry(tenant_id) {
            Entry::Occupied(mut queue) => {
                queue.get_mut().push(call);
                Ok(false)
            }
            Entry::Vacant(place) => {
                place.insert(vec![call]);
                Ok(true)
            }
        }
    }

    /// The calls of the next transaction; `None` ends the worker.
    fn take(&self, tenant_id: Uuid) -> Option<Vec<Call>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.by_tenant.get_mut(&tenant_id)?;
        if queue.is_empty() {
            queues.by_tenant.remove(&tenant_id);
            return None;
        }
        let (mut size, mut count) = (0, 0);
        for call in queue.iter() {
            size += call.items.len();
            if count > 0 && size > MOST_ITEMS {
                break;
            }
            count += 1;
        }
        let calls: Vec<Call> = queue.drain(..count).collect();
        queues.waiting -= calls.iter().map(|call| call.items.len()).sum::<usize>();
        Some(calls)
    }
}

async fn serve(domain: Domain, tenant_id: Uuid) {
    while let Some(calls) = domain.group.take(tenant_id) {
        let (mut items, mut answers) = (Vec::new(), Vec::new());
        for call in calls {
            answers.push((call.items.len(), call.answer));
            items.extend(call.items);
        }
        // A panic must not leave the tenant's queue without a worker.
        let stored = AssertUnwindSafe(store_all(&domain, tenant_id, &items)).catch_unwind().await;
        match stored.unwrap_or_else(|_| Err(Fault::internal("storing a batch panicked"))) {
            Ok(Ingested { outcomes, written }) => {
                let mut outcomes = outcomes.into_iter();
                for (count, answer) in answers {
                    let outcomes = outcomes.by_ref().take(count).collect();
                    let _ = answer.send(Ok(Ingested { outcomes, written }));
                }
            }
            Err(fault) => {
                for (_, answer) in answers {
                    let _ = answer.send(Err(fault.clone()));
                }
            }
        }
    }
}

/// Stores items in one transaction; where the data itself is refused, halves it until the poisoned item fails alone.
async fn store_all(domain: &Domain, tenant_id: Uuid, items: &[Item]) -> Result<Ingested, Fault> {
    match store_once(domain, tenant_id, items).await {
        Ok(ingested) => Ok(ingested),
        Err(error) if items.len() > 1 && matches!(error.failure(), Failure::Data | Failure::Busy) => {
            let (left, right) = items.split_at(items.len() / 2);
            // Boxed: the recursion ends after log2(500) levels.
            let left = Box::pin(store_all(domain, tenant_id, left)).await;
            let right = Box::pin(store_all(domain, tenant_id, right)).await;
            join(left, right, items.len() / 2, items.len())
        }
        Err(error) if error.failure() == Failure::Data => {
            let Error::Sql(cause) = &error else { return Err(error.into()) };
            tracing::warn!(%cause, "an item was refused by the database");
            let refused = Fault::invalid("item", "holds a value that cannot be stored");
            Ok(Ingested { outcomes: vec![Err(refused)], written: None })
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts the halves together again; a half that failed whole refuses its items alone.
fn join(
    left: Result<Ingested, Fault>,
    right: Result<Ingested, Fault>,
    middle: usize,
    length: usize,
) -> Result<Ingested, Fault> {
    if let (Err(fault), Err(_)) = (&left, &right) {
        return Err(fault.clone());
    }
    let whole = |half: Result<Ingested, Fault>, count: usize| -> (Vec<Outcome>, _) {
        match half {
            Ok(ingested) => (ingested.outcomes, ingested.written),
            Err(fault) => (vec![Err(fault); count], None),
        }
    };
    let (mut outcomes, first) = whole(left, middle);
    let (more, second) = whole(right, length - middle);
    outcomes.extend(more);
    Ok(Ingested { outcomes, written: second.or(first) })
}

/// One transaction, tried again after a lost race; a lost connection is tried once more, since the dedup keys tell what
/// landed.
async fn store_once(domain: &Domain, tenant_id: Uuid, items: &[Item]) -> Result<Ingested> {
    let (mut races, mut losses) = (0, 0);
    loop {
        let error = match super::batch::store(domain, tenant_id, items).await {
            Ok(ingested) => return Ok(ingested),
            Err(error) => error,
        };
        match error.failure() {
            Failure::Race if races < ATTEMPTS => races += 1,
            // The channel was deleted at this moment: its items are refused then.
            _ if is_live(&error) && races < ATTEMPTS => races += 1,
            Failure::Unknown if losses < 2 => losses += 1,
            _ => return Err(error),
        }
    }
}
