use chrono::TimeDelta;
use tandem_database::{Connection, Error, Result, begin};
use tandem_fault::Fault;
use uuid::Uuid;

use super::begin_send::{lease_lost, leased, save, wrong_state};
use super::forward;
use crate::domain::Domain;
use crate::domain::ingest::early;
use crate::domain::kinds::DeliveryState;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::outbound::Outbound;

/// What the provider answered.
#[derive(Debug)]
pub enum Outcome {
    Sent { provider_id: String },
    Retry { after: TimeDelta, reason: String },
    Failed { reason: String },
}

impl Domain {
    /// Says what became of a send. Repeating what was said changes nothing; a word that comes late still settles an
    /// unknown outcome.
    pub async fn acknowledge(
        &self,
        viewer: &Viewer,
        message_id: Uuid,
        lease: Uuid,
        outcome: Outcome,
    ) -> Result<DeliveryState> {
        let mut tx = begin(&self.pool).await?;
        let item = match outcome {
            Outcome::Sent { provider_id } => {
                let item = held(&mut tx, viewer, message_id, lease).await?;
                self.sent(&mut tx, viewer, item, provider_id).await?
            }
            Outcome::Failed { reason } => failed(held(&mut tx, viewer, message_id, lease).await?, &reason)?,
            Outcome::Retry { after, reason } => {
                self.retry(&mut tx, viewer, message_id, lease, after, reason).await?
            }
        };
        let saved = save(&mut tx, self, &item).await;
        saved.map_err(|error| match error.constraint() {
            Some("outbound_provider") => Error::Fault(Fault::invalid(
                "sent.provider_id",
                "must not be the id of another reply of the channel",
            )),
            _ => error,
        })?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(item.state)
    }

    /// The provider took it. A receipt may have told so before, by our id; the provider's id is noted all the same.
    async fn sent(
        &self,
        connection: &mut Connection,
        viewer: &Viewer,
        mut item: Outbound,
        provider_id: String,
    ) -> Result<Outbound> {
        if matches!(item.state, DeliveryState::Queued | DeliveryState::Leased | DeliveryState::Withdrawn) {
            return Err(wrong_state(item.state).into());
        }
        let new = !provider_id.is_empty() && item.provider_id.is_none();
        if !provider_id.is_empty() && item.provider_id.as_ref().is_some_and(|known| *known != provider_id) {
            return Err(wrong_state(item.state).into());
        }
        let mut moved = forward(&mut item, DeliveryState::Sent, "");
        if new {
            // The provider's callback may have been faster than the adapter's word.
            let tenant_key = self.dedup_key(viewer.tenant_id).await?;
            let key = early::receipt_key(&tenant_key, item.channel_id, &provider_id);
            for (state, failure) in early::receipts(connection, viewer.tenant_id, key).await? {
                moved |= forward(&mut item, state, &failure);
            }
            item.provider_id = Some(provider_id);
            item.version += i64::from(!moved);
        }
        Ok(item)
    }

    /// The provider may take it later; but what the AI said is taken back when people came in meanwhile.
    async fn retry(
        &self,
        connection: &mut Connection,
        viewer: &Viewer,
        message_id: Uuid,
        lease: Uuid,
        after: TimeDelta,
        reason: String,
    ) -> Result<Outbound> {
        let tenant_id = viewer.tenant_id;
        let message = store::message::find(connection, tenant_id, &[message_id]).await?.pop();
        let message = message.ok_or_else(|| Fault::not_found("reply"))?;
        // The conversation before the reply, as every writer: a take-over at this moment sees it queued or comes first.
        store::conversation::lock_one(connection, tenant_id, message.conversation_id).await?;
        let mut item = held(connection, viewer, message_id, lease).await?;
        match item.state {
            DeliveryState::Sending => {}
            DeliveryState::Queued if item.attempts > 0 => return Ok(item),
            state => return Err(wrong_state(state).into()),
        }
        let is_over = item.withdrawable
            && store::timeline::people_since(connection, tenant_id, message.conversation_id, message.epoch)
                .await?;
        item.state = if is_over { DeliveryState::Withdrawn } else { DeliveryState::Queued };
        item.blocks = !is_over;
        item.due_at = self.ambient.now() + after;
        item.failure = reason;
        item.lease = None;
        item.lease_until = None;
        item.version += 1;
        Ok(item)
    }
}

/// The reply, locked, if a send that is under way or unknown is under this lease.
async fn held(
    connection: &mut Connection,
    viewer: &Viewer,
    message_id: Uuid,
    lease: Uuid,
) -> Result<Outbound> {
    let item = leased(connection, viewer, message_id).await?;
    let begun = matches!(item.state, DeliveryState::Sending | DeliveryState::Unknown);
    if begun && item.lease != Some(lease) {
        return Err(lease_lost().into());
    }
    Ok(item)
}

fn failed(mut item: Outbound, reason: &str) -> Result<Outbound, Fault> {
    match item.state {
        DeliveryState::Sending | DeliveryState::Unknown => {
            forward(&mut item, DeliveryState::Failed, reason);
        }
        DeliveryState::Failed => {}
        state => return Err(wrong_state(state)),
    }
    Ok(item)
}
