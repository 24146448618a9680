use std::collections::BTreeSet;

use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1::{Conversation, ListConversationsRequest};
use tandem_proto::customer::v1::{
    Customer, GetCustomerRequest, GetCustomerResponse, ListCustomerConversationsRequest,
    ListCustomerConversationsResponse, ListCustomersRequest, ListCustomersResponse, UpdateCustomerRequest,
    UpdateCustomerResponse,
};
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_signed_token::PageToken;
use tonic::Status;
use uuid::Uuid;

use super::{Call, CustomerRpc, check};
use crate::domain::model::Edits;
use crate::domain::profile::{self, List, Update};
use crate::wire;

/// Characters of names and companies.
const LINE: usize = 200;

impl CustomerRpc {
    pub(super) async fn get(&self, call: Call<GetCustomerRequest>) -> Result<GetCustomerResponse, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        violations.finish()?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let profile = profile::get(&self.core, (call.tenant, id), &scope).await?;
        Ok(GetCustomerResponse { customer: Some(wire::customer(&profile)) })
    }

    pub(super) async fn list(
        &self,
        call: Call<ListCustomersRequest>,
    ) -> Result<ListCustomersResponse, Status> {
        let mut violations = Violations::new();
        let page_size = check::page_size(&mut violations, call.message.page_size);
        let from_name = check::line(&mut violations, "from_name", &call.message.from_name, LINE);
        violations.finish()?;
        let binding = call.binding("ListCustomers", &from_name);
        let after = PageToken::resume(&self.signer, &binding, &call.message.page_token)?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let page =
            profile::list(&self.core, List { tenant: call.tenant, page_size, from_name, after }, &scope)
                .await?;
        let next = page.next.map(|place| PageToken::encode(&self.signer, &binding, &place));
        Ok(ListCustomersResponse {
            customers: page.customers.iter().map(wire::customer).collect(),
            next_page_token: next.unwrap_or_default(),
        })
    }

    /// Asks conversation with the caller's own token, which limits the answer to the caller's scope. Its page tokens
    /// pass through: they are bound to the caller and to the contacts.
    pub(super) async fn history(
        &self,
        call: Call<ListCustomerConversationsRequest>,
    ) -> Result<ListCustomerConversationsResponse, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        check::page_size(&mut violations, call.message.page_size);
        violations.finish()?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let profile = profile::get(&self.core, (call.tenant, id), &scope).await?;
        if profile.contacts.is_empty() {
            return Ok(ListCustomerConversationsResponse::default());
        }
        let contact_ids = profile.contacts.iter().map(|contact| contact.id.to_string()).collect();
        let request = ListConversationsRequest {
            filter: Some(ConversationFilter { contact_ids, ..ConversationFilter::default() }),
            page_size: call.message.page_size,
            page_token: call.message.page_token,
            at_least_as_fresh: call.message.at_least_as_fresh,
            ..ListConversationsRequest::default()
        };
        let page = self.conversations.list(&call.bearer, request).await?;
        let of_customer = |conversation| Conversation { customer_id: profile.id.to_string(), ..conversation };
        Ok(ListCustomerConversationsResponse {
            conversations: page
                .rows
                .into_iter()
                .filter_map(|row| row.conversation)
                .map(of_customer)
                .collect(),
            next_page_token: page.next_page_token,
        })
    }

    pub(super) async fn update(
        &self,
        call: Call<UpdateCustomerRequest>,
    ) -> Result<UpdateCustomerResponse, Status> {
        let update = parse_update(&call.message, call.tenant)?;
        let scope = self.scope(&call).await?;
        let updated = profile::update(&self.core, update, &scope).await?;
        Ok(UpdateCustomerResponse {
            customer: Some(wire::customer(&updated.customer)),
            change_token: self.token(updated.change),
        })
    }
}

fn parse_update(message: &UpdateCustomerRequest, tenant: Uuid) -> Result<Update, Fault> {
    let mut violations = Violations::new();
    let nothing = Customer::default();
    let customer = message.customer.as_ref().unwrap_or(&nothing);
    let customer_id = check::id(&mut violations, "customer.id", &customer.id);
    let paths: BTreeSet<&str> =
        message.update_mask.iter().flat_map(|mask| &mask.paths).map(String::as_str).collect();
    violations.check(!paths.is_empty(), "update_mask", "must name at least one field");
    let mut edits = Edits::default();
    // What is not in the mask is no part of the body.
    let mut body = Customer { id: customer.id.clone(), ..Customer::default() };
    for path in &paths {
        let (from, field, edit) = match *path {
            "display_name" => (&customer.display_name, &mut body.display_name, &mut edits.display_name),
            "language" => (&customer.language, &mut body.language, &mut edits.language),
            "time_zone" => (&customer.time_zone, &mut body.time_zone, &mut edits.time_zone),
            "company" => (&customer.company, &mut body.company, &mut edits.company),
            _ => {
                violations.add("update_mask", "must name display_name, language, time_zone or company");
                continue;
            }
        };
        field.clone_from(from);
        *edit = Some(check::line(&mut violations, &format!("customer.{path}"), from, LINE));
    }
    let empty_or = |edit: &Option<String>, is: fn(&str) -> bool| {
        edit.as_ref().is_none_or(|text| text.is_empty() || is(text))
    };
    let (language, zone) = ("must be a BCP 47 tag", "must be an IANA time zone");
    violations.check(empty_or(&edits.language, check::is_language), "customer.language", language);
    violations.check(empty_or(&edits.time_zone, check::is_time_zone), "customer.time_zone", zone);
    let mask = prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let counted =
        UpdateCustomerRequest { request_id: String::new(), customer: Some(body), update_mask: Some(mask) };
    let request = check::request(&mut violations, tenant, "UpdateCustomer", &message.request_id, &counted);
    violations.finish()?;
    Ok(Update { request, customer_id, etag: customer.etag.clone(), edits })
}
