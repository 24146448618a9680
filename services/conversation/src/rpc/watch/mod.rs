//! Live lists and threads.

mod question;
mod stream;
mod typing;

use std::pin::Pin;

use futures::Stream;
use tandem_access::caller;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::watch_service_server::WatchService;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::Rpc;
use question::Question;
use stream::Live;

/// Responses that wait for a slow reader; while they do, its stream stands still and no other.
const BUFFER: usize = 64;

#[tonic::async_trait]
impl WatchService for Rpc {
    type WatchConversationsStream =
        Pin<Box<dyn Stream<Item = Result<proto::WatchConversationsResponse, Status>> + Send>>;

    async fn watch_conversations(
        &self,
        request: Request<proto::WatchConversationsRequest>,
    ) -> Result<Response<Self::WatchConversationsStream>, Status> {
        let caller = caller(&request)?.clone();
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let question = Question::parse(self, &viewer, request).await?;
        let (sender, receiver) = mpsc::channel(BUFFER);
        let live = Live::open(self.domain.clone(), caller, viewer, question, sender).await?;
        tokio::spawn(live.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
