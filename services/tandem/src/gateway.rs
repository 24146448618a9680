//! The public API as the command uses it: one connection a replica, any number of callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use backon::{ExponentialBuilder, Retryable};
use tandem_bootstrap::ClientConfig;
use tandem_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient;
use tandem_proto::conversation::v1::outbound_service_client::OutboundServiceClient;
use tandem_proto::conversation::v1::tenant_service_client::TenantServiceClient;
use tandem_proto::customer::v1::attribute_service_client::AttributeServiceClient;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::import_service_client::ImportServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::connection::{Connection, ServiceName};

/// How long one call may take.
const CALL: Duration = Duration::from_secs(20);
/// How long a call is repeated for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections to three of the services. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// To each replica: calls go to them in turn.
    conversation: Vec<Channel>,
    turn: Arc<AtomicUsize>,
    assignment: Channel,
    customer_profile: Channel,
}

/// The gateway as one bearer.
#[derive(Debug, Clone)]
pub struct Caller {
    gateway: Gateway,
    token: Token,
}

/// Puts a bearer token on a call.
#[derive(Debug, Clone)]
pub struct Token(MetadataValue<Ascii>);

pub type Line = InterceptedService<Channel, Token>;

impl Interceptor for Token {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Gateway {
    /// Connects at the first call.
    ///
    /// # Errors
    /// An address that is missing or none.
    pub fn new(connection: &Connection) -> Result<Self> {
        let open = |service: ServiceName, endpoint: &str| {
            let config = ClientConfig { endpoint: endpoint.to_owned(), ..ClientConfig::default() };
            tandem_bootstrap::channel(&config).with_context(|| format!("the address of {service}"))
        };
        let channel = |service| open(service, &connection.service(service)?.grpc);
        let mut conversation = vec![channel(ServiceName::Conversation)?];
        for replica in &connection.service(ServiceName::Conversation)?.replicas {
            conversation.push(open(ServiceName::Conversation, replica)?);
        }
        Ok(Self {
            conversation,
            turn: Arc::default(),
            assignment: channel(ServiceName::Assignment)?,
            customer_profile: channel(ServiceName::CustomerProfile)?,
        })
    }

    /// # Errors
    /// A token that can't stand in a header.
    pub fn caller(&self, token: &str) -> Result<Caller> {
        let mut header: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().context("the token has characters that no token has")?;
        header.set_sensitive(true);
        Ok(Caller { gateway: self.clone(), token: Token(header) })
    }
}

impl Caller {
    pub fn tenants(&self) -> TenantServiceClient<Line> {
        TenantServiceClient::new(self.conversation())
    }

    pub fn channels(&self) -> ChannelServiceClient<Line> {
        ChannelServiceClient::new(self.conversation())
    }

    pub fn ingest(&self) -> IngestServiceClient<Line> {
        IngestServiceClient::new(self.conversation())
    }

    pub fn outbound(&self) -> OutboundServiceClient<Line> {
        OutboundServiceClient::new(self.conversation())
    }

    pub fn conversations(&self) -> ConversationServiceClient<Line> {
        ConversationServiceClient::new(self.conversation()).max_decoding_message_size(64 << 20)
    }

    pub fn assignment(&self) -> AssignmentServiceClient<Line> {
        AssignmentServiceClient::new(self.line(&self.gateway.assignment))
    }

    pub fn directory(&self) -> DirectoryServiceClient<Line> {
        DirectoryServiceClient::new(self.line(&self.gateway.assignment))
    }

    pub fn customers(&self) -> CustomerServiceClient<Line> {
        CustomerServiceClient::new(self.line(&self.gateway.customer_profile))
    }

    pub fn attributes(&self) -> AttributeServiceClient<Line> {
        AttributeServiceClient::new(self.line(&self.gateway.customer_profile))
    }

    pub fn imports(&self) -> ImportServiceClient<Line> {
        ImportServiceClient::new(self.line(&self.gateway.customer_profile))
    }

    fn conversation(&self) -> Line {
        let replicas = &self.gateway.conversation;
        self.line(&replicas[self.gateway.turn.fetch_add(1, Ordering::Relaxed) % replicas.len()])
    }

    fn line(&self, channel: &Channel) -> Line {
        InterceptedService::new(channel.clone(), self.token.clone())
    }
}

/// A request with the deadline that every call of ours has.
pub fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL);
    request
}

/// Makes a call, and repeats it for up to a minute while the answer is that it may work later. Only for calls that may
/// be repeated: reads, and writes with a request id or an external id.
pub async fn retried<T, F>(call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    retried_while(may_work_later, call).await
}

/// As [`retried`], while the answer is such.
pub async fn retried_while<T, F>(
    such: impl FnMut(&Status) -> bool,
    mut call: impl FnMut() -> F,
) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_secs(5))
        .with_total_delay(Some(PATIENCE))
        .without_max_times()
        .with_jitter();
    let attempt = || {
        let answer = call();
        async { answer.await.map(Response::into_inner) }
    };
    attempt.retry(pauses).when(such).await
}

/// Whether repeating the call makes sense. CANCELLED and UNKNOWN are what tonic's client makes of its own timer and of a
/// connection that breaks, and INTERNAL without a reason what it makes of one that a server ends for its age while a call
/// begins; no service of ours answers so.
pub fn may_work_later(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => true,
        Code::Internal => reason(status).is_none(),
        Code::Aborted => reason(status).as_deref() == Some("REQUEST_IN_PROGRESS"),
        _ => false,
    }
}

/// The `ErrorInfo.reason` of an error.
pub fn reason(status: &Status) -> Option<String> {
    status.get_error_details().error_info().map(|info| info.reason.clone())
}

#[cfg(test)]
mod tests {
    use tandem_fault::{Fault, Reason};

    use super::*;

    #[test]
    fn only_what_may_work_later_is_repeated() {
        let later = |reason| may_work_later(&Fault::new(reason, "").into());
        assert!(
            later(Reason::Overloaded) && later(Reason::RequestInProgress) && later(Reason::DeadlineExceeded)
        );
        assert!(!later(Reason::HeldByOther) && !later(Reason::InvalidFields) && !later(Reason::LimitReached));
        assert!(may_work_later(&Status::unknown("broken pipe")));
        assert!(may_work_later(&Status::internal("h2 protocol error")) && !later(Reason::Internal));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_repeated_until_it_works_or_the_patience_ends() {
        let calls = AtomicUsize::new(0);
        let answer = retried(|| async {
            match calls.fetch_add(1, Ordering::SeqCst) {
                0..3 => Err(Status::unavailable("")),
                _ => Ok(Response::new(7)),
            }
        });
        assert_eq!(answer.await.unwrap(), 7);
        let calls = AtomicUsize::new(0);
        let answer = retried::<(), _>(|| async {
            calls.fetch_add(1, Ordering::SeqCst);
            Err(Status::unavailable(""))
        });
        assert_eq!(answer.await.unwrap_err().code(), Code::Unavailable);
        assert!((10..60).contains(&calls.load(Ordering::SeqCst)), "{calls:?}");
    }
}
