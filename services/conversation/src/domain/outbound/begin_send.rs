use chrono::{DateTime, Utc};
use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::{SEND_TIME, forward};
use crate::domain::Domain;
use crate::domain::kinds::DeliveryState;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::outbound::Outbound;

impl Domain {
    /// The last look before a reply is handed to the provider: after it, it cannot be recalled. Repeating it under the
    /// same lease answers the same.
    pub async fn begin_send(&self, viewer: &Viewer, message_id: Uuid, lease: Uuid) -> Result<DateTime<Utc>> {
        let now = self.ambient.now();
        let mut tx = begin(&self.pool).await?;
        let mut item = leased(&mut tx, viewer, message_id).await?;
        match item.state {
            DeliveryState::Sending if item.lease == Some(lease) => {
                return Ok(item.lease_until.unwrap_or(now));
            }
            DeliveryState::Leased | DeliveryState::Sending => {}
            state => return Err(wrong_state(state).into()),
        }
        if item.lease != Some(lease) || item.lease_until.is_none_or(|until| until <= now) {
            return Err(lease_lost().into());
        }
        let channel = store::channel::find_one(&mut tx, viewer.tenant_id, item.channel_id).await?;
        if let Some(window) = channel.and_then(|channel| channel.reply_window) {
            let ids = [(viewer.tenant_id, item.conversation_id)];
            let conversation = store::conversation::read(&mut tx, &ids).await?.pop();
            let message = store::message::find(&mut tx, viewer.tenant_id, &[message_id]).await?.pop();
            let is_template = message.and_then(|m| m.content).is_some_and(|content| content.is_template());
            let closed =
                conversation.and_then(|(_, c)| c.last_customer_at).is_none_or(|at| at + window <= now);
            if closed && !is_template {
                // For good: it must not come back at the end of every lease, nor hold up a template behind it.
                forward(&mut item, DeliveryState::Failed, "the reply window is over");
                save(&mut tx, self, &item).await?;
                tx.commit().await?;
                self.sequencer.wake();
                return Err(Fault::new(Reason::ReplyWindowClosed, "the reply window is over").into());
            }
        }
        item.state = DeliveryState::Sending;
        item.attempts += 1;
        item.begun_at = Some(now);
        item.lease_until = Some(now + SEND_TIME);
        item.version += 1;
        save(&mut tx, self, &item).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(now + SEND_TIME)
    }
}

/// The reply, locked, if the adapter's token names its channel.
pub(super) async fn leased(
    connection: &mut Connection,
    viewer: &Viewer,
    message_id: Uuid,
) -> Result<Outbound> {
    let item = store::outbound::lock(connection, viewer.tenant_id, &[message_id]).await?.pop();
    let item = item.filter(|item| viewer.scope.covers(item.channel_id));
    Ok(item.ok_or_else(|| Fault::not_found("reply"))?)
}

pub(super) async fn save(connection: &mut Connection, domain: &Domain, item: &Outbound) -> Result<()> {
    store::outbound::save(connection, &[item]).await?;
    let row = Row {
        tenant_id: item.tenant_id,
        kind: ChangeKind::Message,
        entity_id: item.message_id,
        version: item.version,
    };
    outbox::write(connection, &domain.ambient, &[row]).await?;
    Ok(())
}

pub(super) fn lease_lost() -> Fault {
    Fault::new(Reason::LeaseLost, "the lease ran out or belongs to another")
}

pub(super) fn wrong_state(state: DeliveryState) -> Fault {
    let word = match state {
        DeliveryState::Queued => "QUEUED",
        DeliveryState::Leased => "LEASED",
        DeliveryState::Sending => "SENDING",
        DeliveryState::Sent => "SENT",
        DeliveryState::Delivered => "DELIVERED",
        DeliveryState::Read => "READ",
        DeliveryState::Failed => "FAILED",
        DeliveryState::Unknown => "UNKNOWN",
        DeliveryState::Withdrawn => "WITHDRAWN",
    };
    Fault::new(Reason::OutboundState, "the reply is in another state").with("state", word)
}
