//! The other services. Conversation is called with the caller's own token, since it knows what the caller may see; what is
//! carried on without a caller is called on behalf of the tenant, under this service's own token.

mod services;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tandem_access::{Caller, Role};
use tandem_bootstrap::{ForwardDeadline, InjectTrace};
use tandem_fault::{Fault, Reason};
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::{
    GetAccessScopeRequest, ListConversationsRequest, ListConversationsResponse, ListMessagesRequest,
    ListMessagesResponse, ListTimelineRequest, ListTimelineResponse,
};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::domain::scope::Scope;

/// How long a scope is believed. An agent who joins a team sees its customers after at most this.
const SCOPE_TTL: Duration = Duration::from_secs(5);
/// Callers whose scopes are remembered.
const SCOPES: u64 = 10_000;

pub use services::Services;

/// The caller's `authorization` metadata, to send on.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Bearer {
    /// # Errors
    /// `INTERNAL` when the call came without a token: routes were put up without the authentication layer.
    pub fn of(metadata: &MetadataMap) -> Result<Self, Fault> {
        let mut value = metadata
            .get("authorization")
            .cloned()
            .ok_or_else(|| Fault::internal("a route stands outside the authentication layer"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.0.clone());
        request
    }
}

/// What every forwarded call carries besides the token: deadline and trace.
#[derive(Debug, Clone)]
struct Forward;

impl Interceptor for Forward {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        InjectTrace.call(ForwardDeadline.call(request)?)
    }
}

/// Cheap to clone; clones share the connection and what they remember.
#[derive(Clone)]
pub struct Conversations {
    client: ConversationServiceClient<InterceptedService<Channel, Forward>>,
    scopes: Cache<[u8; 32], Arc<Scope>>,
}

impl Conversations {
    pub fn new(channel: Channel) -> Self {
        Self {
            client: ConversationServiceClient::with_interceptor(channel, Forward),
            scopes: Cache::builder().max_capacity(SCOPES).time_to_live(SCOPE_TTL).build(),
        }
    }

    /// The channels that a caller may see: everyone but a plain agent sees the tenant's customers all.
    ///
    /// # Errors
    /// `DEPENDENCY_UNAVAILABLE` when conversation does not answer.
    pub async fn scope(&self, caller: &Caller, bearer: &Bearer) -> Result<Arc<Scope>, Status> {
        if caller.roles.has_any(&[Role::Supervisor, Role::Admin, Role::Ai]) {
            return Ok(Arc::new(Scope::All));
        }
        let key: [u8; 32] = Sha256::digest(bearer.0.as_bytes()).into();
        if let Some(known) = self.scopes.get(&key) {
            return Ok(known);
        }
        let request = bearer.request(GetAccessScopeRequest {});
        let answer = self.client.clone().get_access_scope(request).await.map_err(relay)?.into_inner();
        let scope = Arc::new(if answer.all_channels {
            Scope::All
        } else {
            let ids: Result<Vec<Uuid>, _> = answer.channel_ids.iter().map(|id| Uuid::try_parse(id)).collect();
            Scope::Channels(ids.map_err(Fault::internal)?)
        });
        self.scopes.insert(key, Arc::clone(&scope));
        Ok(scope)
    }

    /// Conversations that the caller may see.
    ///
    /// # Errors
    /// Those of `ListConversations`.
    pub async fn list(
        &self,
        bearer: &Bearer,
        request: ListConversationsRequest,
    ) -> Result<ListConversationsResponse, Status> {
        Ok(self.client.clone().list_conversations(bearer.request(request)).await.map_err(relay)?.into_inner())
    }

    /// What was said in a conversation that the caller may see.
    ///
    /// # Errors
    /// Those of `ListMessages`.
    pub async fn messages(
        &self,
        bearer: &Bearer,
        request: ListMessagesRequest,
    ) -> Result<ListMessagesResponse, Status> {
        Ok(self.client.clone().list_messages(bearer.request(request)).await.map_err(relay)?.into_inner())
    }

    /// What happened in a conversation that the caller may see.
    ///
    /// # Errors
    /// Those of `ListTimeline`.
    pub async fn timeline(
        &self,
        bearer: &Bearer,
        request: ListTimelineRequest,
    ) -> Result<ListTimelineResponse, Status> {
        Ok(self.client.clone().list_timeline(bearer.request(request)).await.map_err(relay)?.into_inner())
    }
}

/// What the caller is told when a forwarded call failed: what concerns the caller as it came, with its details.
fn relay(status: Status) -> Status {
    match status.code() {
        Code::InvalidArgument
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::NotFound
        | Code::OutOfRange
        | Code::DeadlineExceeded => status,
        // tonic's client reports its own timer so.
        Code::Cancelled => Fault::new(Reason::DeadlineExceeded, "the deadline passed").into(),
        _ => Fault::unavailable(status).into(),
    }
}
