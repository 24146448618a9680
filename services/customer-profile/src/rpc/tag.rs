//! Who carries which tags, on the wire.

use std::collections::{BTreeSet, HashSet};

use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::bulk_tags_result::Outcome as Result_;
use tandem_proto::customer::v1::{
    BulkTagged, BulkTagsRefused, BulkTagsResult, BulkUpdateTagsRequest, BulkUpdateTagsResponse,
    UpdateTagsRequest, UpdateTagsResponse,
};
use tandem_proto::r#type::v1::ErrorReason;
use tonic::Status;
use uuid::Uuid;

use super::{Call, CustomerRpc, check};
use crate::domain::tag::{self, BulkUpdate, Outcome, TagName, UpdateTags};
use crate::wire;

/// Names in one list of a request.
const MOST_NAMES: usize = 50;
/// Customers of one request.
const MOST_CUSTOMERS: usize = 500;

impl CustomerRpc {
    pub(super) async fn tag(&self, call: Call<UpdateTagsRequest>) -> Result<UpdateTagsResponse, Status> {
        let update = parse_update(&call.message, call.tenant)?;
        let scope = self.scope(&call).await?;
        let tagged = tag::update(&self.core, update, &scope).await?;
        Ok(UpdateTagsResponse {
            customer: Some(wire::customer(&tagged.customer)),
            tags: tagged.tags.into_iter().map(wire::tag).collect(),
            change_token: self.token(tagged.change),
        })
    }

    pub(super) async fn tag_many(
        &self,
        call: Call<BulkUpdateTagsRequest>,
    ) -> Result<BulkUpdateTagsResponse, Status> {
        let update = parse_bulk(&call.message, call.tenant)?;
        let scope = self.scope(&call).await?;
        let done = tag::bulk_update(&self.core, update, &scope).await?;
        let results = call.message.customer_ids.into_iter().zip(done.outcomes);
        Ok(BulkUpdateTagsResponse {
            results: results.map(|(id, outcome)| result(id, outcome)).collect(),
            change_token: self.token(done.change),
        })
    }
}

fn result(customer_id: String, outcome: Outcome) -> BulkTagsResult {
    let refused = |reason: ErrorReason, message: &str| {
        Result_::Refused(BulkTagsRefused { reason: reason.into(), message: message.to_owned() })
    };
    let outcome = match outcome {
        Outcome::Tagged { customer_id, tag_ids } => Result_::Tagged(BulkTagged {
            customer_id: customer_id.to_string(),
            tag_ids: tag_ids.iter().map(Uuid::to_string).collect(),
        }),
        Outcome::NotFound => refused(ErrorReason::NotFound, "there is no such customer"),
        Outcome::Erased => refused(ErrorReason::Erased, "the customer was erased"),
        Outcome::TooMany => refused(ErrorReason::LimitReached, "a customer carries at most 50 tags"),
    };
    BulkTagsResult { customer_id, outcome: Some(outcome) }
}

fn parse_update(message: &UpdateTagsRequest, tenant: Uuid) -> Result<UpdateTags, Fault> {
    let mut violations = Violations::new();
    let customer_id = check::id(&mut violations, "customer_id", &message.customer_id);
    let (add, remove) = wanted(&mut violations, &message.add, &message.remove);
    let body = UpdateTagsRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, tenant, "UpdateTags", &message.request_id, &body);
    violations.finish()?;
    Ok(UpdateTags { request, customer_id, add, remove })
}

fn parse_bulk(message: &BulkUpdateTagsRequest, tenant: Uuid) -> Result<BulkUpdate, Fault> {
    let mut violations = Violations::new();
    let given = &message.customer_ids;
    let number = (1..=MOST_CUSTOMERS).contains(&given.len());
    violations.check(number, "customer_ids", "must be 1 to 500 customers");
    let (mut customer_ids, mut seen) = (Vec::new(), HashSet::new());
    for (index, id) in given.iter().enumerate().take(MOST_CUSTOMERS) {
        let field = format!("customer_ids[{index}]");
        let id = check::id(&mut violations, &field, id);
        violations.check(id.is_nil() || seen.insert(id), &field, "must be different from the others");
        customer_ids.push(id);
    }
    let (add, remove) = wanted(&mut violations, &message.add, &message.remove);
    let body = BulkUpdateTagsRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, tenant, "BulkUpdateTags", &message.request_id, &body);
    violations.finish()?;
    Ok(BulkUpdate { request, customer_ids, add, remove })
}

/// The names to put on and to take off: none in both.
fn wanted(violations: &mut Violations, add: &[String], remove: &[String]) -> (Vec<TagName>, Vec<TagName>) {
    violations.check(!(add.is_empty() && remove.is_empty()), "add", "must name a tag, or remove must");
    let (add, remove) = (names(violations, "add", add), names(violations, "remove", remove));
    let added: BTreeSet<&str> = add.iter().map(|name| name.key.as_str()).collect();
    let both = remove.iter().any(|name| added.contains(name.key.as_str()));
    violations.check(!both, "remove", "must name no tag that add names");
    (add, remove)
}

fn names(violations: &mut Violations, field: &str, names: &[String]) -> Vec<TagName> {
    violations.check(names.len() <= MOST_NAMES, field, "must be at most 50 names");
    let parsed = (0..).zip(names).take(MOST_NAMES).filter_map(|(index, name): (usize, _)| {
        violations.take(&format!("{field}[{index}]"), TagName::parse(name))
    });
    parsed.collect()
}
