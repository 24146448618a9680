//! A channel's adapter as tests play it.

use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::acknowledge_outbound_request::Outcome;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::outbound_service_client::OutboundServiceClient;
use tandem_proto::conversation::v1::{
    AcknowledgeOutboundRequest, BeginSendRequest, BeginSendResponse, DeliveryState, IngestItem,
    IngestReceipt, OutboundFailed, OutboundItem, OutboundRetry, OutboundSent, PullOutboundRequest,
};
use tonic::Status;
use uuid::Uuid;

use crate::{Suite, time};

/// Carries replies out, through one conversation process.
#[derive(Clone)]
pub struct Adapter {
    channel: Uuid,
    client: OutboundServiceClient<InternalChannel>,
}

impl Suite {
    pub fn adapter(&self, replica: usize, channel: Uuid) -> Adapter {
        Adapter { channel, client: OutboundServiceClient::new(self.as_adapter(replica, channel)) }
    }

    /// What a provider tells of a reply: `of` is our message id, or the provider's.
    pub fn receipt(&self, external_id: &str, of: &str, state: DeliveryState) -> IngestItem {
        let ours = Uuid::parse_str(of).is_ok();
        let (message_id, provider_id) = if ours { (of, "") } else { ("", of) };
        IngestItem {
            external_id: external_id.to_owned(),
            source_time: Some(time(self.ambient.now())),
            event: Some(Event::Receipt(IngestReceipt {
                message_id: message_id.to_owned(),
                provider_id: provider_id.to_owned(),
                state: state.into(),
                ..IngestReceipt::default()
            })),
            ..IngestItem::default()
        }
    }
}

impl Adapter {
    /// Leases for a minute; waits up to a second when there is nothing.
    pub async fn pull(&self, most: i32, wait: bool) -> Vec<OutboundItem> {
        let request = PullOutboundRequest {
            channel_id: self.channel.to_string(),
            max_items: most,
            lease_seconds: 60,
            wait: wait.then_some(prost_types::Duration { seconds: 1, nanos: 0 }),
        };
        self.client.clone().pull_outbound(request).await.unwrap().into_inner().items
    }

    /// The one reply that may go out now.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub async fn one(&self) -> OutboundItem {
        let mut items = self.pull(10, false).await;
        assert_eq!(items.len(), 1, "{items:?}");
        items.remove(0)
    }

    pub async fn begin(&self, item: &OutboundItem) -> Result<BeginSendResponse, Status> {
        let request = BeginSendRequest { message_id: message_id(item), lease_id: item.lease_id.clone() };
        self.client.clone().begin_send(request).await.map(tonic::Response::into_inner)
    }

    pub async fn sent(&self, item: &OutboundItem, provider_id: &str) -> Result<DeliveryState, Status> {
        self.acknowledge(item, Outcome::Sent(OutboundSent { provider_id: provider_id.to_owned() })).await
    }

    pub async fn retry(&self, item: &OutboundItem, seconds: i64) -> Result<DeliveryState, Status> {
        let after = Some(prost_types::Duration { seconds, nanos: 0 });
        self.acknowledge(item, Outcome::Retry(OutboundRetry { after, reason: "busy".to_owned() })).await
    }

    pub async fn failed(&self, item: &OutboundItem) -> Result<DeliveryState, Status> {
        self.acknowledge(item, Outcome::Failed(OutboundFailed { reason: "no such number".to_owned() })).await
    }

    async fn acknowledge(&self, item: &OutboundItem, outcome: Outcome) -> Result<DeliveryState, Status> {
        let request = AcknowledgeOutboundRequest {
            message_id: message_id(item),
            lease_id: item.lease_id.clone(),
            outcome: Some(outcome),
        };
        Ok(self.client.clone().acknowledge_outbound(request).await?.into_inner().state())
    }
}

fn message_id(item: &OutboundItem) -> String {
    item.message.as_ref().unwrap().id.clone()
}
