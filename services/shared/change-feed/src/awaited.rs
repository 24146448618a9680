use tandem_proto::feed::v1::freshness_service_server::FreshnessService;
use tandem_proto::feed::v1::{AwaitChangesRequest, AwaitChangesResponse};
use tonic::{Request, Response, Status};

use crate::Freshness;

/// Tells other services how far this one is.
pub struct FreshnessApi {
    pub freshness: Freshness,
}

#[tonic::async_trait]
impl FreshnessService for FreshnessApi {
    async fn await_changes(
        &self,
        request: Request<AwaitChangesRequest>,
    ) -> Result<Response<AwaitChangesResponse>, Status> {
        self.freshness.wait(&request.into_inner().at_least_as_fresh).await?;
        Ok(Response::new(AwaitChangesResponse {}))
    }
}
