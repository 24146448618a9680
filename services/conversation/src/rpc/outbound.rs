use std::time::Duration;

use chrono::TimeDelta;
use tandem_access::caller;
use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::acknowledge_outbound_request::Outcome as Wire;
use tandem_proto::conversation::v1::outbound_service_server::OutboundService;
use tonic::{Request, Response, Status};

use super::typing::TypingStream;
use super::{Rpc, convert, parse};
use crate::domain::outbound::acknowledge::Outcome;
use crate::domain::outbound::pull::Leased;

#[tonic::async_trait]
impl OutboundService for Rpc {
    async fn pull_outbound(
        &self,
        request: Request<proto::PullOutboundRequest>,
    ) -> Result<Response<proto::PullOutboundResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let channel_id = parse::id(&mut v, "channel_id", &request.channel_id);
        let most = parse::size(&mut v, "max_items", request.max_items, 10, 100);
        let lease = parse::lease(&mut v, "lease_seconds", request.lease_seconds);
        let wait = request.wait.unwrap_or_default();
        let wait_ms = wait.seconds.saturating_mul(1_000).saturating_add(i64::from(wait.nanos / 1_000_000));
        v.check((0..=30_000).contains(&wait_ms), "wait", "must be at most 30 seconds");
        v.finish()?;
        let wait = Duration::from_millis(wait_ms.unsigned_abs());
        let leased = self.domain.pull(&viewer, channel_id, most, lease, wait).await?;
        Ok(Response::new(proto::PullOutboundResponse { items: leased.into_iter().map(item).collect() }))
    }

    async fn begin_send(
        &self,
        request: Request<proto::BeginSendRequest>,
    ) -> Result<Response<proto::BeginSendResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let message_id = parse::id(&mut v, "message_id", &request.message_id);
        let lease = parse::id(&mut v, "lease_id", &request.lease_id);
        v.finish()?;
        let until = self.domain.begin_send(&viewer, message_id, lease).await?;
        Ok(Response::new(proto::BeginSendResponse { send_until: Some(convert::time(until)) }))
    }

    async fn acknowledge_outbound(
        &self,
        request: Request<proto::AcknowledgeOutboundRequest>,
    ) -> Result<Response<proto::AcknowledgeOutboundResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let message_id = parse::id(&mut v, "message_id", &request.message_id);
        let lease = parse::id(&mut v, "lease_id", &request.lease_id);
        let outcome = outcome(&mut v, request.outcome);
        v.finish()?;
        let state = self.domain.acknowledge(&viewer, message_id, lease, outcome).await?;
        Ok(Response::new(proto::AcknowledgeOutboundResponse { state: state.number().into() }))
    }

    type WatchTypingStream = TypingStream;

    async fn watch_typing(
        &self,
        request: Request<proto::WatchTypingRequest>,
    ) -> Result<Response<TypingStream>, Status> {
        let caller = caller(&request)?.clone();
        let (viewer, request) = self.open(request).await?;
        self.typing_stream(caller, viewer, request).await.map(Response::new)
    }
}

fn outcome(v: &mut Violations, outcome: Option<Wire>) -> Outcome {
    match outcome {
        Some(Wire::Sent(sent)) => {
            let fits = sent.provider_id.len() <= 512 && !sent.provider_id.contains('\0');
            v.check(fits, "sent.provider_id", "must be at most 512 bytes without NUL");
            Outcome::Sent { provider_id: sent.provider_id }
        }
        Some(Wire::Retry(retry)) => {
            parse::text(v, "retry.reason", &retry.reason, 0..=500);
            let after = parse::seconds(v, "retry.after", retry.after).unwrap_or(TimeDelta::seconds(1));
            v.check(after <= TimeDelta::days(1), "retry.after", "must be at most a day");
            Outcome::Retry { after, reason: retry.reason }
        }
        Some(Wire::Failed(failed)) => {
            parse::text(v, "failed.reason", &failed.reason, 0..=500);
            Outcome::Failed { reason: failed.reason }
        }
        None => {
            v.add("outcome", "must be set");
            Outcome::Failed { reason: String::new() }
        }
    }
}

fn item(leased: Leased) -> proto::OutboundItem {
    proto::OutboundItem {
        recipient: leased.recipient.iter().map(convert::identity).collect(),
        lease_id: leased.lease.to_string(),
        lease_until: Some(convert::time(leased.lease_until)),
        window_until: leased.window_until.map(convert::time),
        attempts: leased.attempts,
        reply_to_external_id: leased.quotes,
        message: Some(convert::message(leased.message)),
    }
}
