use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::privacy_service_server::PrivacyService;
use tonic::{Request, Response, Status};

use super::{Rpc, parse};

/// Contacts of one call.
const MOST_CONTACTS: usize = 100;
/// A hundred years.
const MOST_DAYS: i32 = 36_500;

#[tonic::async_trait]
impl PrivacyService for Rpc {
    async fn erase_contacts(
        &self,
        request: Request<proto::EraseContactsRequest>,
    ) -> Result<Response<proto::EraseContactsResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let ids = parse::ids(&mut v, "contact_ids", &request.contact_ids, MOST_CONTACTS);
        v.check(!request.contact_ids.is_empty(), "contact_ids", "must not be empty");
        v.finish()?;
        let erased = self.domain.erase_contacts(&viewer, &ids).await?;
        Ok(Response::new(proto::EraseContactsResponse {
            done: erased.progress.left == 0,
            conversations_erased: erased.progress.conversations,
            messages_erased: erased.progress.messages,
            conversations_left: erased.progress.left,
            change_token: erased.change_token,
        }))
    }

    async fn get_retention(
        &self,
        request: Request<proto::GetRetentionRequest>,
    ) -> Result<Response<proto::GetRetentionResponse>, Status> {
        let (viewer, _) = self.open(request).await?;
        let closed_days = self.domain.retention(&viewer).await?;
        let retention = Some(proto::Retention { closed_days });
        Ok(Response::new(proto::GetRetentionResponse { retention }))
    }

    async fn update_retention(
        &self,
        request: Request<proto::UpdateRetentionRequest>,
    ) -> Result<Response<proto::UpdateRetentionResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let body = proto::UpdateRetentionRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "UpdateRetention", &request.request_id, &body);
        let days = request.retention.map(|retention| retention.closed_days);
        v.check(days.is_some(), "retention", "must be set");
        let within = days.is_none_or(|days| (0..=MOST_DAYS).contains(&days));
        v.check(within, "retention.closed_days", "must be 0 to 36500");
        v.finish()?;
        let closed_days = self.domain.update_retention(&viewer, named, days.unwrap_or_default()).await?;
        let retention = Some(proto::Retention { closed_days });
        Ok(Response::new(proto::UpdateRetentionResponse { retention }))
    }
}
