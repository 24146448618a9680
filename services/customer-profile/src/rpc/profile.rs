use std::collections::BTreeSet;
use std::time::Duration;

use tandem_fault::Violations;
use tandem_proto::conversation::v1::{Conversation, ListConversationsRequest};
use tandem_proto::customer::v1::{
    Customer, GetCustomerRequest, GetCustomerResponse, ListCustomerConversationsRequest,
    ListCustomerConversationsResponse, UpdateCustomerRequest, UpdateCustomerResponse,
};
use tandem_proto::r#type::v1::ConversationFilter;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{CATEGORY, Call, CustomerRpc, LINE, check};
use crate::domain::attribute::{self, Wish};
use crate::domain::model::{Edits, Profile};
use crate::domain::profile::{self, Update};
use crate::peer::Bearer;
use crate::wire;

/// Conversations that a panel shows.
const CONVERSATIONS: i32 = 10;
/// How long a panel waits for them.
const PATIENCE: Duration = Duration::from_secs(3);
/// Paths of a mask, and values of a map.
const MOST_PATHS: usize = 200;

impl CustomerRpc {
    pub(super) async fn get(&self, call: Call<GetCustomerRequest>) -> Result<GetCustomerResponse, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "customer_id", &call.message.customer_id);
        violations.finish()?;
        let scope = self.scope(&call).await?;
        self.freshness.wait(&call.message.at_least_as_fresh).await?;
        let panel = profile::panel(&self.core, (call.tenant, id), &scope).await?;
        let asked = self.newest(&call.bearer, &panel.customer, &call.message.at_least_as_fresh);
        let (conversations, conversations_missing) = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(conversations)) => (conversations, false),
            Ok(Err(status)) if status.code() != Code::Unavailable => return Err(status),
            _ => (Vec::new(), true),
        };
        Ok(GetCustomerResponse {
            customer: Some(wire::customer(&panel.customer)),
            tags: panel.tags.into_iter().map(wire::tag).collect(),
            notes: panel.notes.into_iter().map(wire::note).collect(),
            attribute_definitions: panel.definitions.into_iter().map(wire::definition).collect(),
            conversations,
            conversations_missing,
        })
    }

    async fn newest(
        &self,
        bearer: &Bearer,
        customer: &Profile,
        at_least_as_fresh: &[String],
    ) -> Result<Vec<Conversation>, Status> {
        let page_size = CONVERSATIONS;
        let request = ListConversationsRequest { page_size, ..ListConversationsRequest::default() };
        Ok(self.conversations_of(bearer, customer, at_least_as_fresh, request).await?.conversations)
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
        let request = ListConversationsRequest {
            page_size: call.message.page_size,
            page_token: call.message.page_token,
            ..ListConversationsRequest::default()
        };
        self.conversations_of(&call.bearer, &profile, &call.message.at_least_as_fresh, request).await
    }

    /// A page of a person's conversations, newest first.
    async fn conversations_of(
        &self,
        bearer: &Bearer,
        customer: &Profile,
        at_least_as_fresh: &[String],
        page: ListConversationsRequest,
    ) -> Result<ListCustomerConversationsResponse, Status> {
        if customer.contacts.is_empty() {
            return Ok(ListCustomerConversationsResponse::default());
        }
        let contact_ids = customer.contacts.iter().map(|contact| contact.id.to_string()).collect();
        let request = ListConversationsRequest {
            filter: Some(ConversationFilter { contact_ids, ..ConversationFilter::default() }),
            at_least_as_fresh: at_least_as_fresh.to_vec(),
            ..page
        };
        let page = self.conversations.list(bearer, request).await?;
        let of_customer =
            |conversation| Conversation { customer_id: customer.id.to_string(), ..conversation };
        let conversations = page.rows.into_iter().filter_map(|row| row.conversation).map(of_customer);
        Ok(ListCustomerConversationsResponse {
            conversations: conversations.collect(),
            next_page_token: page.next_page_token,
        })
    }

    pub(super) async fn update(
        &self,
        call: Call<UpdateCustomerRequest>,
    ) -> Result<UpdateCustomerResponse, Status> {
        let (update, mut violations) = parse_update(&call.message, call.tenant);
        if !violations.is_empty() {
            // Whatever else is wrong is named with it.
            let definitions = attribute::list(&self.core, call.tenant).await?;
            update.attributes.read("customer.attributes", &definitions, &mut violations);
        }
        violations.finish()?;
        let scope = self.scope(&call).await?;
        let updated = profile::update(&self.core, update, &scope).await?;
        Ok(UpdateCustomerResponse {
            customer: Some(wire::customer(&updated.customer)),
            change_token: self.token(updated.change),
        })
    }
}

/// The update as far as it can be read, and what is wrong with it; attributes are read where their definitions are known.
fn parse_update(message: &UpdateCustomerRequest, tenant: Uuid) -> (Update, Violations) {
    let mut violations = Violations::new();
    let nothing = Customer::default();
    let customer = message.customer.as_ref().unwrap_or(&nothing);
    let customer_id = check::id(&mut violations, "customer.id", &customer.id);
    let paths: BTreeSet<&str> =
        message.update_mask.iter().flat_map(|mask| &mask.paths).map(String::as_str).collect();
    let most = (1..=MOST_PATHS).contains(&paths.len());
    violations.check(most, "update_mask", "must name 1 to 200 fields");
    let (mut edits, mut attributes) = (Edits::default(), Wish::default());
    // What is not in the mask is no part of the body.
    let mut body = Customer { id: customer.id.clone(), ..Customer::default() };
    for path in paths.iter().take(MOST_PATHS) {
        let (from, field, edit, most) = match *path {
            "display_name" => (&customer.display_name, &mut body.display_name, &mut edits.display_name, LINE),
            "language" => (&customer.language, &mut body.language, &mut edits.language, LINE),
            "time_zone" => (&customer.time_zone, &mut body.time_zone, &mut edits.time_zone, LINE),
            "company" => (&customer.company, &mut body.company, &mut edits.company, LINE),
            "category" => (&customer.category, &mut body.category, &mut edits.category, CATEGORY),
            "attributes" => {
                attributes.all = true;
                let most = customer.attributes.len() <= MOST_PATHS;
                violations.check(most, "customer.attributes", "must be at most 200");
                attributes.given.extend(customer.attributes.clone().into_iter().take(MOST_PATHS));
                continue;
            }
            path => {
                if let Some(key) = path.strip_prefix("attributes.") {
                    let value = customer.attributes.get(key).cloned().unwrap_or_default();
                    attributes.given.insert(key.to_owned(), value);
                } else {
                    let known =
                        "must name display_name, language, time_zone, company, category or attributes";
                    violations.add("update_mask", known);
                }
                continue;
            }
        };
        field.clone_from(from);
        *edit = Some(check::line(&mut violations, &format!("customer.{path}"), from, most));
    }
    let empty_or = |edit: &Option<String>, is: fn(&str) -> bool| {
        edit.as_ref().is_none_or(|text| text.is_empty() || is(text))
    };
    let (language, zone) = ("must be a BCP 47 tag", "must be an IANA time zone");
    violations.check(empty_or(&edits.language, check::is_language), "customer.language", language);
    violations.check(empty_or(&edits.time_zone, check::is_time_zone), "customer.time_zone", zone);
    // Maps have no order on the wire: the values count in that of their keys, with the mask's paths.
    let mut said: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    said.extend(attributes.given.iter().map(|(key, value)| format!("{key}={value}")));
    let mask = prost_types::FieldMask { paths: said };
    let counted =
        UpdateCustomerRequest { request_id: String::new(), customer: Some(body), update_mask: Some(mask) };
    let request = check::request(&mut violations, tenant, "UpdateCustomer", &message.request_id, &counted);
    (Update { request, customer_id, etag: customer.etag.clone(), edits, attributes }, violations)
}
