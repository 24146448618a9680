use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::model::{Identity, Message};
use crate::domain::viewer::Viewer;
use crate::store;

/// The net under the wakes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A waiting adapter looks at most this often.
const GATHER: Duration = Duration::from_millis(5);

/// One leased reply.
#[derive(Debug)]
pub struct Leased {
    pub message: Message,
    pub recipient: Vec<Identity>,
    pub lease: Uuid,
    pub lease_until: DateTime<Utc>,
    pub window_until: Option<DateTime<Utc>>,
    pub attempts: i32,
    /// The id by which the provider knows what this reply quotes; empty for none.
    pub quotes: String,
}

impl Domain {
    /// Leases replies of a channel that the adapter's token names; waits up to `wait` when there is none.
    pub async fn pull(
        &self,
        viewer: &Viewer,
        channel_id: Uuid,
        most: i64,
        lease: TimeDelta,
        wait: Duration,
    ) -> Result<Vec<Leased>> {
        if !viewer.scope.covers(channel_id) {
            return Err(Fault::new(Reason::ChannelNotAllowed, "the token does not name this channel").into());
        }
        self.adapter_called(viewer.tenant_id, channel_id).await;
        let deadline = tokio::time::Instant::now() + wait;
        let mut head = self.tail.head();
        loop {
            head.mark_unchanged();
            let leased = self.lease(viewer, channel_id, most, lease).await?;
            if !leased.is_empty() {
                return Ok(leased);
            }
            loop {
                tokio::select! {
                    () = self.stop.cancelled() => return Ok(Vec::new()),
                    () = tokio::time::sleep_until(deadline) => return Ok(Vec::new()),
                    // Anything that changes may have queued a reply; leases that run out are seen within the second.
                    changed = head.changed() => if changed.is_err() { return Ok(Vec::new()) },
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                // One cheap look for all that changed meanwhile, however busy the database is.
                tokio::time::sleep(GATHER).await;
                head.mark_unchanged();
                let mut connection = self.pool.acquire().await?;
                let now = self.ambient.now();
                if store::outbound::any_due(&mut connection, viewer.tenant_id, channel_id, now).await? {
                    break;
                }
            }
        }
    }

    async fn lease(
        &self,
        viewer: &Viewer,
        channel_id: Uuid,
        most: i64,
        lease: TimeDelta,
    ) -> Result<Vec<Leased>> {
        let tenant_id = viewer.tenant_id;
        let now = self.ambient.now();
        let mut tx = begin(&self.pool).await?;
        let channel = store::channel::find_one(&mut tx, tenant_id, channel_id).await?;
        let channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
        let lease_id = self.ambient.id();
        let until = now + lease;
        let items =
            store::outbound::lease(&mut tx, tenant_id, channel_id, lease_id, now, until, most).await?;
        let rows: Vec<Row> = items
            .iter()
            .map(|item| Row {
                tenant_id,
                kind: ChangeKind::Message,
                entity_id: item.message_id,
                version: item.version,
            })
            .collect();
        outbox::write(&mut tx, &self.ambient, &rows).await?;
        let ids: Vec<Uuid> = items.iter().map(|item| item.message_id).collect();
        let mut messages: HashMap<Uuid, Message> =
            store::message::find(&mut tx, tenant_id, &ids).await?.into_iter().map(|m| (m.id, m)).collect();
        let quoted: Vec<(Uuid, i64)> = messages
            .values()
            .filter(|message| message.reply_to_position > 0)
            .map(|message| (message.conversation_id, message.reply_to_position))
            .collect();
        let external: HashMap<(Uuid, i64), String> =
            store::message::external_ids(&mut tx, tenant_id, &quoted).await?.into_iter().collect();
        let contact_ids: Vec<Uuid> = messages.values().map(|message| message.contact_id).collect();
        let mut recipients: HashMap<Uuid, Vec<Identity>> = HashMap::new();
        for contact in store::contact::find(&mut tx, tenant_id, &contact_ids).await? {
            let verified = contact.identities.into_iter().filter(|identity| identity.verified).collect();
            recipients.insert(contact.id, verified);
        }
        let conversation_ids: Vec<_> = items.iter().map(|item| (tenant_id, item.conversation_id)).collect();
        let mut windows = HashMap::new();
        if let Some(window) = channel.reply_window {
            for (_, conversation) in store::conversation::read(&mut tx, &conversation_ids).await? {
                windows.insert(conversation.id, conversation.last_customer_at.map(|at| at + window));
            }
        }
        tx.commit().await?;
        self.sequencer.wake();
        let mut leased: Vec<Leased> = items
            .into_iter()
            .filter_map(|item| {
                let message = messages.remove(&item.message_id)?;
                Some(Leased {
                    recipient: recipients.get(&message.contact_id).cloned().unwrap_or_default(),
                    quotes: external
                        .get(&(message.conversation_id, message.reply_to_position))
                        .cloned()
                        .unwrap_or_default(),
                    window_until: windows.get(&item.conversation_id).copied().flatten(),
                    message,
                    lease: lease_id,
                    lease_until: until,
                    attempts: item.attempts,
                })
            })
            .collect();
        leased.sort_by_key(|item| item.message.id);
        Ok(leased)
    }
}
