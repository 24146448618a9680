use std::time::Duration;

use tandem_bootstrap::{InternalChannel, OnBehalfOf};
use tandem_fault::{Fault, Reason, reason_of};
use tandem_proto::conversation::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::conversation::v1::{EraseContactsRequest, EraseContactsResponse};
use tandem_proto::feed::v1::AwaitChangesRequest;
use tandem_proto::feed::v1::freshness_service_client::FreshnessServiceClient;
use tonic::{Code, Request, Status};
use uuid::Uuid;

/// Longest that one call may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks the other services on behalf of a tenant. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub conversation: InternalChannel,
    /// Who keeps copies of what customers are and said: conversation, assignment, search.
    pub copies: [InternalChannel; 3],
}

impl Services {
    /// Erases some more of contacts.
    pub async fn erase_contacts(
        &self,
        tenant: Uuid,
        contact_ids: &[Uuid],
    ) -> Result<EraseContactsResponse, Fault> {
        let message = EraseContactsRequest { contact_ids: contact_ids.iter().map(Uuid::to_string).collect() };
        let mut client = PrivacyServiceClient::new(self.conversation.clone());
        let answer = client.erase_contacts(on_behalf_of(tenant, message)).await;
        Ok(answer.map_err(away)?.into_inner())
    }

    /// Waits until every copy shows what the tokens name.
    pub async fn await_changes(&self, tenant: Uuid, tokens: &[String]) -> Result<(), Fault> {
        for copy in &self.copies {
            let message = AwaitChangesRequest { at_least_as_fresh: tokens.to_vec() };
            let mut client = FreshnessServiceClient::new(copy.clone());
            client.await_changes(on_behalf_of(tenant, message)).await.map_err(away)?;
        }
        Ok(())
    }
}

fn on_behalf_of<T>(tenant: Uuid, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(LIMIT);
    request.extensions_mut().insert(OnBehalfOf(tenant));
    request
}

/// Why there is no answer now.
fn away(status: Status) -> Fault {
    if reason_of(&status).as_deref() == Some(Reason::CursorGone.as_str()) {
        return Fault::new(Reason::CursorGone, "a change is not known any more");
    }
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => {
            Fault::new(Reason::DeadlineExceeded, "the deadline passed")
        }
        _ => Fault::unavailable(status),
    }
}
