use std::collections::VecDeque;
use std::time::Duration;

use futures::Stream;
use tandem_access::Caller;
use tandem_database::{Pool, Result};
use tandem_fault::{Fault, Reason};
use tokio::sync::watch::Receiver;
use uuid::Uuid;

use super::Hub;
use crate::domain::App;
use crate::domain::access::active_agent;
use crate::domain::model::Listed;
use crate::store;

/// How often an idle stream says where it is.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Notifications read at once.
const BATCH: i64 = 100;

/// One item of a stream: a notification, or a heartbeat, and the number to go on from.
#[derive(Debug)]
pub struct Item {
    pub notification: Option<Listed>,
    pub number: i64,
}

/// One stream of one agent's notifications.
pub struct Watch {
    pool: Pool,
    tenant_id: Uuid,
    agent_id: Uuid,
    head: Receiver<i64>,
    /// Everything up to here was sent.
    number: i64,
    read: VecDeque<Listed>,
    begun: bool,
}

/// Begins a stream after a number, or with what comes from now on.
///
/// Errors: `AGENT_INACTIVE`.
pub async fn watch(app: &App, hub: &Hub, caller: &Caller, after: Option<i64>) -> Result<Watch> {
    let tenant_id = caller.tenant()?;
    let mut connection = app.pool.acquire().await?;
    let agent_id = active_agent(&mut connection, caller).await?;
    let head = hub.subscribe(tenant_id, agent_id);
    let newest = store::notification::heads(&mut connection, &[(tenant_id, agent_id)]).await?;
    let newest = newest.first().map_or(0, |(_, number)| *number);
    // A number that is not there yet belongs to a history that a restore undid.
    let number = after.map_or(newest, |after| after.min(newest));
    let read = VecDeque::new();
    Ok(Watch { pool: app.pool.clone(), tenant_id, agent_id, head, number, read, begun: false })
}

impl Watch {
    /// The items, without end. The first is a heartbeat: from then on nothing is missed.
    pub fn items(self) -> impl Stream<Item = Result<Item>> {
        futures::stream::try_unfold(self, |mut watch| async move {
            let item = watch.next().await?;
            Ok(Some((item, watch)))
        })
    }

    async fn next(&mut self) -> Result<Item> {
        if !std::mem::replace(&mut self.begun, true) {
            return Ok(Item { notification: None, number: self.number });
        }
        loop {
            if let Some(notification) = self.read.pop_front() {
                self.number = notification.number;
                return Ok(Item { number: notification.number, notification: Some(notification) });
            }
            let newest = *self.head.borrow_and_update();
            if newest > self.number {
                let mut connection = self.pool.acquire().await?;
                let (tenant_id, agent_id) = (self.tenant_id, self.agent_id);
                let read =
                    store::notification::after(&mut connection, tenant_id, agent_id, self.number, BATCH)
                        .await?;
                if read.is_empty() {
                    // Pruned, or never more than a gap in the numbers.
                    self.number = newest;
                }
                self.read.extend(read);
                continue;
            }
            match tokio::time::timeout(HEARTBEAT, self.head.changed()).await {
                Ok(Ok(())) => {}
                // The hub drops heads that nobody watches, so only its own end gets here.
                Ok(Err(_)) => {
                    return Err(Fault::new(Reason::ShuttingDown, "this process is shutting down").into());
                }
                Err(_) => return Ok(Item { notification: None, number: self.number }),
            }
        }
    }
}
