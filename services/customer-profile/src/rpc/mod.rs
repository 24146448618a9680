//! The services on the wire: each method unpacks, calls, converts.

mod attribute;
mod check;
mod customers;
mod erasure;
mod import;
mod merge;
mod note;
mod privacy;
mod profile;
mod tag;
mod tags;

pub use attribute::AttributeRpc;
pub use privacy::PrivacyRpc;

use std::sync::Arc;

use tandem_access::{Caller, caller};
use tandem_change_feed::Freshness;
use tandem_proto::customer::v1::customer_service_server::CustomerService;
use tandem_proto::customer::v1::{
    BulkUpdateTagsRequest, BulkUpdateTagsResponse, GetCustomerRequest, GetCustomerResponse,
    ListCustomerConversationsRequest, ListCustomerConversationsResponse, ListCustomersRequest,
    ListCustomersResponse, MatchCustomersRequest, MatchCustomersResponse, UpdateCustomerRequest,
    UpdateCustomerResponse, UpdateTagsRequest, UpdateTagsResponse,
};
use tandem_signed_token::{Signer, binding};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::domain::scope::Scope;
use crate::domain::{Change, Core};
use crate::peer::{Bearer, Conversations};

/// Characters of names and companies.
const LINE: usize = 200;
/// Characters of a category.
const CATEGORY: usize = 64;

/// Serves `CustomerService`, `ImportService`, `MergeService`, `NoteService` and `TagService`.
pub struct CustomerRpc {
    pub core: Core,
    pub freshness: Freshness,
    pub signer: Signer,
    pub conversations: Conversations,
}

/// A call with who makes it.
struct Call<T> {
    message: T,
    caller: Caller,
    tenant: Uuid,
    bearer: Bearer,
}

impl CustomerRpc {
    async fn scope<T>(&self, call: &Call<T>) -> Result<Arc<Scope>, Status> {
        self.conversations.scope(&call.caller, &call.bearer).await
    }

    fn token(&self, change: Option<Change>) -> String {
        self.freshness.token(change.map(Into::into))
    }
}

impl<T> Call<T> {
    fn of(request: Request<T>) -> Result<Self, Status> {
        let caller = caller(&request)?.clone();
        let (tenant, bearer) = (caller.tenant()?, Bearer::of(request.metadata())?);
        Ok(Self { message: request.into_inner(), caller, tenant, bearer })
    }

    /// What the page tokens of a method are bound to, with what the list is filtered by.
    fn binding(&self, method: &str, filter: &str) -> [u8; 16] {
        let subject = self.caller.subject.as_bytes();
        binding(&[self.tenant.as_bytes(), subject, method.as_bytes(), filter.as_bytes()])
    }
}

#[tonic::async_trait]
impl CustomerService for CustomerRpc {
    async fn get_customer(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<GetCustomerResponse>, Status> {
        self.get(Call::of(request)?).await.map(Response::new)
    }

    async fn list_customers(
        &self,
        request: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        self.list(Call::of(request)?).await.map(Response::new)
    }

    async fn match_customers(
        &self,
        request: Request<MatchCustomersRequest>,
    ) -> Result<Response<MatchCustomersResponse>, Status> {
        self.matching(Call::of(request)?).await.map(Response::new)
    }

    async fn list_customer_conversations(
        &self,
        request: Request<ListCustomerConversationsRequest>,
    ) -> Result<Response<ListCustomerConversationsResponse>, Status> {
        self.history(Call::of(request)?).await.map(Response::new)
    }

    async fn update_customer(
        &self,
        request: Request<UpdateCustomerRequest>,
    ) -> Result<Response<UpdateCustomerResponse>, Status> {
        self.update(Call::of(request)?).await.map(Response::new)
    }

    async fn update_tags(
        &self,
        request: Request<UpdateTagsRequest>,
    ) -> Result<Response<UpdateTagsResponse>, Status> {
        self.tag(Call::of(request)?).await.map(Response::new)
    }

    async fn bulk_update_tags(
        &self,
        request: Request<BulkUpdateTagsRequest>,
    ) -> Result<Response<BulkUpdateTagsResponse>, Status> {
        self.tag_many(Call::of(request)?).await.map(Response::new)
    }
}
