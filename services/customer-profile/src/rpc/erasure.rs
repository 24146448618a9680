//! Erasures on the wire.

use tandem_fault::{Reason, Violations};
use tandem_proto::customer::v1::{
    EraseCustomerRequest, EraseCustomerResponse, Erasure as Wire, ErasureState, GetErasureRequest,
    GetErasureResponse, ListErasuresRequest, ListErasuresResponse,
};
use tandem_proto::r#type::v1::ErrorReason;
use tandem_signed_token::PageToken;
use tonic::Status;
use uuid::Uuid;

use super::privacy::PrivacyRpc;
use super::{Call, check};
use crate::domain::erasure::{self, Erase, Erasure, State};
use crate::wire::time;

impl PrivacyRpc {
    pub(super) async fn erase(
        &self,
        call: Call<EraseCustomerRequest>,
    ) -> Result<EraseCustomerResponse, Status> {
        let message = &call.message;
        let mut violations = Violations::new();
        let customer_id = check::id(&mut violations, "customer_id", &message.customer_id);
        let body = EraseCustomerRequest {
            request_id: String::new(),
            at_least_as_fresh: Vec::new(),
            ..message.clone()
        };
        let request =
            check::request(&mut violations, call.tenant, "EraseCustomer", &message.request_id, &body);
        violations.finish()?;
        self.freshness.wait(&message.at_least_as_fresh).await?;
        let by_subject = call.caller.subject.clone();
        let begun = erasure::begin(&self.core, &Erase { request, customer_id, by_subject }).await?;
        Ok(EraseCustomerResponse {
            erasure: Some(shown(begun.erasure)),
            change_token: self.freshness.token(begun.change.map(Into::into)),
        })
    }

    pub(super) async fn erasure(&self, call: Call<GetErasureRequest>) -> Result<GetErasureResponse, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "erasure_id", &call.message.erasure_id);
        violations.finish()?;
        let found = erasure::get(&self.core, (call.tenant, id)).await?;
        Ok(GetErasureResponse { erasure: Some(shown(found)) })
    }

    pub(super) async fn erasures(
        &self,
        call: Call<ListErasuresRequest>,
    ) -> Result<ListErasuresResponse, Status> {
        let mut violations = Violations::new();
        let page_size = check::page_size(&mut violations, call.message.page_size);
        violations.finish()?;
        let binding = call.binding("ListErasures", "");
        let before: Option<Uuid> = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let mut found = erasure::list(&self.core, call.tenant, before, page_size + 1).await?;
        let size = usize::try_from(page_size).unwrap_or_default();
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more).map(|erasure| erasure.id);
        Ok(ListErasuresResponse {
            erasures: found.into_iter().map(shown).collect(),
            next_page_token: last
                .map(|id| PageToken::encode(&self.signer, &binding, &id))
                .unwrap_or_default(),
        })
    }
}

fn shown(erasure: Erasure) -> Wire {
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == erasure.waits_for);
    let name = reason.map(|reason| format!("ERROR_REASON_{}", reason.as_str()));
    let waits_for = name.and_then(|name| ErrorReason::from_str_name(&name)).unwrap_or_default();
    Wire {
        id: erasure.id.to_string(),
        customer_id: erasure.customer_id.to_string(),
        customer_ids: erasure.customer_ids.iter().map(Uuid::to_string).collect(),
        state: match erasure.state {
            State::Conversations => ErasureState::Conversations,
            State::Copies => ErasureState::Copies,
            State::Done => ErasureState::Done,
        }
        .into(),
        contacts: i32::try_from(erasure.contact_ids.len()).unwrap_or(i32::MAX),
        conversations_erased: erasure.conversations_erased,
        messages_erased: erasure.messages_erased,
        conversations_left: erasure.conversations_left,
        waits_for: waits_for.into(),
        by_subject: erasure.by_subject,
        create_time: Some(time(erasure.created_at)),
        update_time: Some(time(erasure.updated_at)),
        end_time: erasure.ended_at.map(time),
    }
}
