use chrono::TimeDelta;
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::begin_send::{leased, save, wrong_state};
use super::forward;
use crate::domain::Domain;
use crate::domain::ingest::early;
use crate::domain::kinds::DeliveryState;
use crate::domain::viewer::Viewer;

/// What the provider answered.
#[derive(Debug)]
pub enum Outcome {
    Sent { provider_id: String },
    Retry { after: TimeDelta, reason: String },
    Failed { reason: String },
}

impl Domain {
    /// Says what became of a send. Repeating what was said changes nothing.
    pub async fn acknowledge(
        &self,
        viewer: &Viewer,
        message_id: Uuid,
        lease: Uuid,
        outcome: Outcome,
    ) -> Result<DeliveryState> {
        let now = self.ambient.now();
        let tenant_key = self.dedup_key(viewer.tenant_id).await?;
        let mut tx = begin(&self.pool).await?;
        let mut item = leased(&mut tx, viewer, message_id).await?;
        // A word that comes late still settles an unknown outcome.
        let begun = matches!(item.state, DeliveryState::Sending | DeliveryState::Unknown);
        match outcome {
            Outcome::Sent { provider_id } => {
                if item.provider_id.is_none() && (begun || item.state == DeliveryState::Delivered) {
                    item.provider_id = Some(provider_id.clone()).filter(|id| !id.is_empty());
                } else if begun || item.provider_id.as_deref() != Some(provider_id.as_str()) {
                    return Err(wrong_state(item.state).into());
                }
                if begun {
                    forward(&mut item, DeliveryState::Sent, "");
                    // The provider's callback may have been faster than the adapter's word.
                    let key = early::receipt_key(&tenant_key, item.channel_id, &provider_id);
                    for (state, failure) in early::receipts(&mut tx, viewer.tenant_id, key).await? {
                        forward(&mut item, state, &failure);
                    }
                }
            }
            Outcome::Failed { reason } if begun => {
                forward(&mut item, DeliveryState::Failed, &reason);
            }
            Outcome::Failed { .. } if item.state == DeliveryState::Failed => {}
            Outcome::Retry { after, reason } if item.state == DeliveryState::Sending => {
                if item.lease != Some(lease) {
                    return Err(Fault::new(Reason::LeaseLost, "the lease belongs to another").into());
                }
                item.state = DeliveryState::Queued;
                item.due_at = now + after;
                item.failure = reason;
                item.lease = None;
                item.lease_until = None;
                item.version += 1;
            }
            Outcome::Failed { .. } | Outcome::Retry { .. } => return Err(wrong_state(item.state).into()),
        }
        save(&mut tx, self, &item).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(item.state)
    }
}
