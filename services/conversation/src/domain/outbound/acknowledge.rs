use chrono::TimeDelta;
use tandem_change_feed::outbox;
use tandem_database::{Connection, Error, Result, begin};
use tandem_fault::Fault;
use uuid::Uuid;

use super::begin_send::{lease_lost, leased, save, wrong_state};
use super::forward;
use crate::domain::Domain;
use crate::domain::ingest::batch::hash;
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
                self.sent(&mut tx, viewer, message_id, lease, provider_id).await?
            }
            Outcome::Failed { reason } => {
                let erased = lock_its_conversation(&mut tx, viewer, message_id).await?;
                let item = failed(held(&mut tx, viewer, message_id, lease).await?, &reason)?;
                if erased { without_words(item) } else { item }
            }
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
        message_id: Uuid,
        lease: Uuid,
        provider_id: String,
    ) -> Result<Outbound> {
        let tenant_id = viewer.tenant_id;
        let seen = store::outbound::find(connection, tenant_id, message_id).await?;
        let seen = seen.filter(|item| viewer.scope.covers(item.channel_id));
        let seen = seen.ok_or_else(|| Fault::not_found("reply"))?;
        if provider_id.is_empty() || seen.provider_id.is_some() {
            let item = begun(held(connection, viewer, message_id, lease).await?)?;
            if !provider_id.is_empty() && item.provider_id.as_ref() != Some(&provider_id) {
                return Err(wrong_state(item.state).into());
            }
            return Ok(taken(item).0);
        }
        // The provider's callbacks may have been faster than the adapter's word. In the order of every writer: the key of
        // what waits for this id, the conversation, the reply.
        let key = hash(&self.dedup_key(tenant_id).await?, seen.channel_id, &provider_id);
        let keys = early::hold(connection, tenant_id, key).await?;
        let erased = lock_its_conversation(connection, viewer, message_id).await?;
        let item = begun(held(connection, viewer, message_id, lease).await?)?;
        if item.provider_id.as_ref().is_some_and(|known| *known != provider_id) {
            return Err(wrong_state(item.state).into());
        }
        let (mut item, was_moved) = taken(item);
        let (moved, rows) = early::settle_reply(connection, &mut item, key, self.ambient.now()).await?;
        item.version += i64::from(!was_moved && !moved);
        item.provider_id = Some(provider_id);
        outbox::write(connection, &self.ambient, &rows).await?;
        early::let_go(connection, tenant_id, &keys).await?;
        Ok(if erased { without_words(item) } else { item })
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
        let erased = lock_its_conversation(connection, viewer, message_id).await?;
        let mut item = held(connection, viewer, message_id, lease).await?;
        match item.state {
            DeliveryState::Sending => {}
            DeliveryState::Queued if item.attempts > 0 => return Ok(item),
            state => return Err(wrong_state(state).into()),
        }
        let is_over = erased
            || item.withdrawable
                && store::timeline::people_since(
                    connection,
                    tenant_id,
                    message.conversation_id,
                    message.epoch,
                )
                .await?;
        item.state = if is_over { DeliveryState::Withdrawn } else { DeliveryState::Queued };
        item.blocks = !is_over;
        item.due_at = self.ambient.now() + after;
        item.failure = reason;
        // What was told of it was told of another.
        (item.begun_at, item.implied) = (None, None);
        item.lease = None;
        item.lease_until = None;
        item.version += 1;
        Ok(if erased { without_words(item) } else { item })
    }
}

/// Locks the conversation of a reply. Answers whether it was erased.
async fn lock_its_conversation(
    connection: &mut Connection,
    viewer: &Viewer,
    message_id: Uuid,
) -> Result<bool> {
    let seen = store::outbound::find(connection, viewer.tenant_id, message_id).await?;
    let seen = seen.filter(|item| viewer.scope.covers(item.channel_id));
    let seen = seen.ok_or_else(|| Fault::not_found("reply"))?;
    let found = store::conversation::lock_one(connection, viewer.tenant_id, seen.conversation_id).await?;
    Ok(found.is_some_and(|conversation| conversation.erased_at.is_some()))
}

/// The provider's id and words name whom a reply went to: of one that was erased they are not kept.
fn without_words(item: Outbound) -> Outbound {
    Outbound { provider_id: None, failure: String::new(), ..item }
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

/// Refuses what has not begun to leave, or never will.
fn begun(item: Outbound) -> Result<Outbound, Fault> {
    match item.state {
        DeliveryState::Queued | DeliveryState::Leased | DeliveryState::Withdrawn => {
            Err(wrong_state(item.state))
        }
        _ => Ok(item),
    }
}

/// Answers too whether it moved.
fn taken(mut item: Outbound) -> (Outbound, bool) {
    let moved = forward(&mut item, DeliveryState::Sent, "");
    (item, moved)
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
