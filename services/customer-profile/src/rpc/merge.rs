//! `MergeService` on the wire.

use tandem_fault::Violations;
use tandem_proto::customer::v1::merge_service_server::MergeService;
use tandem_proto::customer::v1::{
    DismissSuggestionRequest, DismissSuggestionResponse, ListMergeSuggestionsRequest,
    ListMergeSuggestionsResponse, ListMergesRequest, ListMergesResponse, MergeCustomersRequest,
    MergeCustomersResponse, UndoMergeRequest, UndoMergeResponse,
};
use tandem_signed_token::PageToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Call, CustomerRpc, check};
use crate::domain::merge::{self, List, MergeCustomers, Undo};
use crate::domain::suggestion::{self, Dismiss};
use crate::wire;

#[tonic::async_trait]
impl MergeService for CustomerRpc {
    async fn merge_customers(
        &self,
        request: Request<MergeCustomersRequest>,
    ) -> Result<Response<MergeCustomersResponse>, Status> {
        self.merge(Call::of(request)?).await.map(Response::new)
    }

    async fn undo_merge(
        &self,
        request: Request<UndoMergeRequest>,
    ) -> Result<Response<UndoMergeResponse>, Status> {
        self.undo(Call::of(request)?).await.map(Response::new)
    }

    async fn list_merges(
        &self,
        request: Request<ListMergesRequest>,
    ) -> Result<Response<ListMergesResponse>, Status> {
        self.merges(Call::of(request)?).await.map(Response::new)
    }

    async fn list_merge_suggestions(
        &self,
        request: Request<ListMergeSuggestionsRequest>,
    ) -> Result<Response<ListMergeSuggestionsResponse>, Status> {
        self.suggestions(Call::of(request)?).await.map(Response::new)
    }

    async fn dismiss_suggestion(
        &self,
        request: Request<DismissSuggestionRequest>,
    ) -> Result<Response<DismissSuggestionResponse>, Status> {
        self.dismiss(Call::of(request)?).await.map(Response::new)
    }
}

impl CustomerRpc {
    async fn merge(&self, call: Call<MergeCustomersRequest>) -> Result<MergeCustomersResponse, Status> {
        let message = &call.message;
        let mut violations = Violations::new();
        let survivor_id = check::id(&mut violations, "survivor_id", &message.survivor_id);
        let merged_id = check::id(&mut violations, "merged_id", &message.merged_id);
        different(&mut violations, "merged_id", survivor_id, merged_id);
        let body = MergeCustomersRequest { request_id: String::new(), ..message.clone() };
        let request =
            check::request(&mut violations, call.tenant, "MergeCustomers", &message.request_id, &body);
        violations.finish()?;
        let by_subject = call.caller.subject.clone();
        let scope = self.scope(&call).await?;
        let asked = MergeCustomers { request, survivor_id, merged_id, by_subject };
        let merged = merge::merge(&self.core, asked, &scope).await?;
        Ok(MergeCustomersResponse {
            customer: Some(wire::customer(&merged.customer)),
            merge: Some(wire::merge(merged.merge)),
            change_token: self.token(merged.change),
        })
    }

    async fn undo(&self, call: Call<UndoMergeRequest>) -> Result<UndoMergeResponse, Status> {
        let message = &call.message;
        let mut violations = Violations::new();
        let merge_id = check::id(&mut violations, "merge_id", &message.merge_id);
        let body = UndoMergeRequest { request_id: String::new(), ..message.clone() };
        let request = check::request(&mut violations, call.tenant, "UndoMerge", &message.request_id, &body);
        violations.finish()?;
        let by_subject = call.caller.subject.clone();
        let scope = self.scope(&call).await?;
        let undone = merge::undo(&self.core, Undo { request, merge_id, by_subject }, &scope).await?;
        Ok(UndoMergeResponse {
            merge: Some(wire::merge(undone.merge)),
            survivor: Some(wire::customer(&undone.survivor)),
            merged: Some(wire::customer(&undone.merged)),
            change_token: self.token(undone.change),
        })
    }

    async fn merges(&self, call: Call<ListMergesRequest>) -> Result<ListMergesResponse, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        let page_size = check::page_size(&mut violations, call.message.page_size);
        violations.finish()?;
        let binding = call.binding("ListMerges", &id.to_string());
        let after = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let page =
            merge::list(&self.core, List { customer: (call.tenant, id), page_size, after }, &scope).await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(ListMergesResponse {
            merges: page.merges.into_iter().map(wire::merge).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn suggestions(
        &self,
        call: Call<ListMergeSuggestionsRequest>,
    ) -> Result<ListMergeSuggestionsResponse, Status> {
        let message = &call.message;
        let mut violations = Violations::new();
        let asked = !message.customer_id.is_empty();
        let customer_id = asked.then(|| check::id(&mut violations, "customer_id", &message.customer_id));
        let page_size = check::page_size(&mut violations, message.page_size);
        violations.finish()?;
        let binding = call.binding("ListMergeSuggestions", &message.customer_id);
        let after = PageToken::resume(&self.signer, &binding, &message.page_token)?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&message.at_least_as_fresh).await?;
        let list = suggestion::List { tenant: call.tenant, customer_id, page_size, after };
        let page = suggestion::list(&self.core, list, &scope).await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(ListMergeSuggestionsResponse {
            suggestions: page.suggestions.into_iter().map(wire::suggestion).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    async fn dismiss(
        &self,
        call: Call<DismissSuggestionRequest>,
    ) -> Result<DismissSuggestionResponse, Status> {
        let message = &call.message;
        let mut violations = Violations::new();
        let customer_id = check::id(&mut violations, "customer_id", &message.customer_id);
        let other_id = check::id(&mut violations, "other_id", &message.other_id);
        different(&mut violations, "other_id", customer_id, other_id);
        let body = DismissSuggestionRequest { request_id: String::new(), ..message.clone() };
        let request =
            check::request(&mut violations, call.tenant, "DismissSuggestion", &message.request_id, &body);
        violations.finish()?;
        let by_subject = call.caller.subject.clone();
        let scope = self.scope(&call).await?;
        suggestion::dismiss(&self.core, Dismiss { request, customer_id, other_id, by_subject }, &scope)
            .await?;
        Ok(DismissSuggestionResponse {})
    }
}

fn different(violations: &mut Violations, field: &str, one: Uuid, other: Uuid) {
    violations.check(one.is_nil() || one != other, field, "must be another customer");
}
