use tandem_access::caller;
use tandem_change_feed::Freshness;
use tandem_proto::search::v1::search_service_server::SearchService;
use tandem_proto::search::v1::{
    GetIndexStatusRequest, GetIndexStatusResponse, SearchCustomersRequest, SearchCustomersResponse,
    SearchMessagesRequest, SearchMessagesResponse, SearchRequest, SearchResponse, SuggestTermsRequest,
    SuggestTermsResponse,
};
use tandem_signed_token::Signer;
use tonic::{Request, Response, Status};

use super::{convert, overview, parse, suggest};
use crate::domain::customer::Customers;
use crate::domain::message::Messages;
use crate::domain::overview as domain;
use crate::domain::scope::Reader;
use crate::domain::status::status;
use crate::feed::Following;
use crate::peer::Asking;

/// The gRPC service.
pub struct SearchApi {
    pub messages: Messages,
    pub customers: Customers,
    pub freshness: Freshness,
    pub signer: Signer,
    pub ambient: tandem_ambient::Ambient,
    /// How far the message index and the customer index are.
    pub following: (Following, Following),
}

impl SearchApi {
    /// Waits for what the caller wants to see, and answers what the caller may see.
    async fn reader(&self, asking: &Asking, tenant: uuid::Uuid) -> Result<Reader, Status> {
        self.freshness.wait(&asking.at_least_as_fresh).await?;
        let scope = self.messages.conversations.scope(asking).await?;
        Ok(Reader { tenant, scope })
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SearchService for SearchApi {
    async fn search_messages(
        &self,
        request: Request<SearchMessagesRequest>,
    ) -> Answer<SearchMessagesResponse> {
        let (asking, tenant, subject) = asker(&request, request.get_ref().at_least_as_fresh.clone())?;
        let request = request.into_inner();
        let binding = parse::message_binding(tenant, &subject, &request);
        let search = parse::messages(request, &self.signer, &binding, self.ambient.now())?;
        let reader = self.reader(&asking, tenant).await?;
        let found = self.messages.search(&reader, &asking, &search).await?;
        let lag = self.following.0.lag().await?;
        Ok(Response::new(convert::messages(found, lag, &self.signer, &binding)))
    }

    async fn search_customers(
        &self,
        request: Request<SearchCustomersRequest>,
    ) -> Answer<SearchCustomersResponse> {
        let (asking, tenant, subject) = asker(&request, request.get_ref().at_least_as_fresh.clone())?;
        let request = request.into_inner();
        let binding = parse::customer_binding(tenant, &subject, &request);
        let search = parse::customers(request, &self.signer, &binding)?;
        let reader = self.reader(&asking, tenant).await?;
        let found = self.customers.search(&reader, &asking, &search).await?;
        let lag = self.following.1.lag().await?;
        Ok(Response::new(convert::customers(&found, &reader.scope, lag, &self.signer, &binding)))
    }

    async fn search(&self, request: Request<SearchRequest>) -> Answer<SearchResponse> {
        let (asking, tenant, _) = asker(&request, request.get_ref().at_least_as_fresh.clone())?;
        let question = overview::question(request.into_inner())?;
        let reader = self.reader(&asking, tenant).await?;
        let (customers, messages) = (&self.customers, &self.messages);
        let found = domain::overview(customers, messages, &reader, &asking, &question).await?;
        let lags = (self.following.0.lag().await?, self.following.1.lag().await?);
        Ok(Response::new(overview::answer(found, &reader.scope, lags)))
    }

    async fn suggest_terms(&self, request: Request<SuggestTermsRequest>) -> Answer<SuggestTermsResponse> {
        let (asking, tenant, _) = asker(&request, request.get_ref().at_least_as_fresh.clone())?;
        let wanted = suggest::wanted(request.into_inner())?;
        let reader = self.reader(&asking, tenant).await?;
        let names = async {
            match wanted.names {
                true => self.customers.suggest(&reader, &wanted.typed, wanted.size).await,
                false => Ok(Vec::new()),
            }
        };
        let tags = async {
            match wanted.tags {
                true => self.customers.profiles.tags(&asking, &wanted.typed).await,
                false => Ok(Vec::new()),
            }
        };
        let (names, tags) = tokio::try_join!(names, tags)?;
        let index_lag = Some(convert::index_lag(self.following.1.lag().await?));
        let terms = suggest::terms(names, tags, wanted.size);
        Ok(Response::new(SuggestTermsResponse { terms, index_lag }))
    }

    async fn get_index_status(
        &self,
        request: Request<GetIndexStatusRequest>,
    ) -> Answer<GetIndexStatusResponse> {
        let (asking, tenant, _) = asker(&request, Vec::new())?;
        let reader = self.reader(&asking, tenant).await?;
        let following = (&self.following.0, &self.following.1);
        let indexes = status(&self.messages.pool, &self.messages.engine, following, &reader).await?;
        Ok(Response::new(convert::status(indexes)))
    }
}

/// Who asks, with the token to ask conversation with, the tenant and the subject.
fn asker<T>(
    request: &Request<T>,
    at_least_as_fresh: Vec<String>,
) -> Result<(Asking, uuid::Uuid, String), Status> {
    let caller = caller(request)?;
    let bearer = request.metadata().get("authorization").cloned();
    let bearer = bearer.ok_or_else(|| tandem_fault::Fault::internal("a verified call carries no token"))?;
    Ok((Asking { bearer, at_least_as_fresh }, caller.tenant()?, caller.subject.clone()))
}
