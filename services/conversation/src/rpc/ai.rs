use std::pin::Pin;
use std::time::Duration;

use chrono::TimeDelta;
use futures::Stream;
use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1::ai_service_server::AiService;
use tandem_proto::conversation::v1::{WatchAiWorkRequest, WatchAiWorkResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, convert, parse};
use crate::domain::Domain;
use crate::domain::viewer::Viewer;

/// The net under the wakes: leases that ran out elsewhere are seen within this time.
const POLL: Duration = Duration::from_millis(500);

#[tonic::async_trait]
impl AiService for Rpc {
    type WatchAiWorkStream = Pin<Box<dyn Stream<Item = Result<WatchAiWorkResponse, Status>> + Send>>;

    async fn watch_ai_work(
        &self,
        request: Request<WatchAiWorkRequest>,
    ) -> Result<Response<Self::WatchAiWorkStream>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let most = parse::size(&mut v, "max_leases", request.max_leases, 10, 100);
        let lease = parse::lease(&mut v, "lease_seconds", request.lease_seconds);
        let channel_ids = parse::ids(&mut v, "channel_ids", &request.channel_ids, 100);
        v.finish()?;
        let (sender, receiver) = mpsc::channel(1);
        let worker = Worker { domain: self.domain.clone(), viewer, channel_ids, most, lease };
        tokio::spawn(worker.run(sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// One open stream.
struct Worker {
    domain: Domain,
    viewer: Viewer,
    channel_ids: Vec<Uuid>,
    most: i64,
    lease: TimeDelta,
}

impl Worker {
    async fn run(self, sender: mpsc::Sender<Result<WatchAiWorkResponse, Status>>) {
        let id = self.domain.ambient.id();
        let stop = self.domain.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {
                let _ = sender.try_send(Err(tandem_bootstrap::shutting_down()));
            }
            () = sender.closed() => {}
            fault = self.offer(id, &sender) => {
                let _ = sender.try_send(Err(fault.into()));
            }
        }
        if let Err(error) = self.domain.release_ai_work(self.viewer.tenant_id, id).await {
            tracing::warn!(?error, "leases of a closed stream were not given back, they will run out");
        }
    }

    /// Offers work until something fails.
    async fn offer(&self, id: Uuid, sender: &mpsc::Sender<Result<WatchAiWorkResponse, Status>>) -> Fault {
        let mut head = self.domain.tail.head();
        loop {
            head.mark_unchanged();
            let leased =
                self.domain.lease_ai_work(&self.viewer, id, &self.channel_ids, self.most, self.lease).await;
            let leased = match leased {
                Ok(leased) => leased,
                Err(error) => return error.into(),
            };
            for work in leased {
                let response = WatchAiWorkResponse {
                    epoch: work.row.conversation.epoch,
                    answers_position: work.row.conversation.last_customer_position,
                    lease_until: Some(convert::time(work.lease_until)),
                    conversation: Some(convert::full(work.row)),
                };
                // A closed stream ends in `run`, which gives the leases back.
                let _ = sender.send(Ok(response)).await;
            }
            tokio::select! {
                _ = head.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}
