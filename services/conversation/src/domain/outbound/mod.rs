//! Replies on their way out: queued with the message, leased in order, begun under the fence, acknowledged.

pub mod acknowledge;
pub mod begin_send;
pub mod pull;

use chrono::TimeDelta;

use super::kinds::DeliveryState;
use crate::store::outbound::Outbound;

/// How long an adapter has from `BeginSend` to the provider's answer.
pub const SEND_TIME: TimeDelta = TimeDelta::seconds(60);
/// How long an unknown outcome blocks its conversation's queue, waiting for a callback.
pub const UNKNOWN_TIME: TimeDelta = TimeDelta::minutes(10);

/// How far along a reply is; receipts only move it forward, and a skipped step is implied.
fn rank(state: DeliveryState) -> u8 {
    match state {
        DeliveryState::Queued => 0,
        DeliveryState::Leased => 1,
        DeliveryState::Sending | DeliveryState::Unknown => 2,
        DeliveryState::Sent => 3,
        DeliveryState::Withdrawn => 4,
        // A late `delivered` beats `failed`: some providers take a failure back.
        DeliveryState::Failed => 5,
        DeliveryState::Delivered => 6,
        DeliveryState::Read => 7,
    }
}

/// Moves a reply forward by what the provider tells. Answers whether it moved.
pub fn forward(item: &mut Outbound, to: DeliveryState, failure: &str) -> bool {
    if rank(to) <= rank(item.state) {
        return false;
    }
    item.state = to;
    item.blocks = false;
    item.lease = None;
    item.lease_until = None;
    item.version += 1;
    if to == DeliveryState::Failed {
        failure.clone_into(&mut item.failure);
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn sent() -> Outbound {
        Outbound {
            tenant_id: Uuid::nil(),
            message_id: Uuid::nil(),
            channel_id: Uuid::nil(),
            conversation_id: Uuid::nil(),
            position: 1,
            state: DeliveryState::Sending,
            withdrawable: false,
            blocks: true,
            due_at: chrono::DateTime::default(),
            attempts: 0,
            lease: None,
            lease_until: None,
            provider_id: None,
            failure: String::new(),
            begun_at: None,
            implied: None,
            version: 1,
        }
    }

    proptest! {
        #[test]
        fn any_interleaving_of_receipts_ends_in_the_same_state(
            receipts in prop::collection::vec(prop::sample::select(vec![
                DeliveryState::Sent, DeliveryState::Delivered, DeliveryState::Read, DeliveryState::Failed,
            ]), 1..12),
            seed in any::<usize>(),
        ) {
            let mut shuffled = receipts.clone();
            let length = shuffled.len();
            for index in 0..length {
                shuffled.swap(index, seed.wrapping_mul(index + 7) % length);
            }
            let (mut one, mut two) = (sent(), sent());
            receipts.iter().for_each(|state| { forward(&mut one, *state, ""); });
            shuffled.iter().for_each(|state| { forward(&mut two, *state, ""); });
            prop_assert_eq!(one.state, two.state);
            prop_assert!(!one.blocks);
        }
    }
}
