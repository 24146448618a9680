use std::collections::BTreeSet;

use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::{ListTagsRequest, ListTagsResponse, UpdateTagsRequest, UpdateTagsResponse};
use tonic::Status;
use uuid::Uuid;

use super::{Call, CustomerRpc, check};
use crate::domain::tag::{self, TagName, UpdateTags};
use crate::wire;

/// Names in one list of a request.
const MOST_NAMES: usize = 50;

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

    pub(super) async fn tags(&self, call: Call<ListTagsRequest>) -> Result<ListTagsResponse, Status> {
        let mut violations = Violations::new();
        let prefix = check::line(&mut violations, "prefix", &call.message.prefix, tag::MOST_CHARACTERS);
        violations.finish()?;
        let tags = tag::list(&self.core, call.tenant, &prefix).await?;
        Ok(ListTagsResponse { tags: tags.into_iter().map(wire::tag).collect() })
    }
}

fn parse_update(message: &UpdateTagsRequest, tenant: Uuid) -> Result<UpdateTags, Fault> {
    let mut violations = Violations::new();
    let customer_id = check::id(&mut violations, "customer_id", &message.customer_id);
    let add = names(&mut violations, "add", &message.add);
    let remove = names(&mut violations, "remove", &message.remove);
    violations.check(
        !(message.add.is_empty() && message.remove.is_empty()),
        "add",
        "must name a tag, or remove must",
    );
    let added: BTreeSet<&str> = add.iter().map(|name| name.key.as_str()).collect();
    let both = remove.iter().any(|name| added.contains(name.key.as_str()));
    violations.check(!both, "remove", "must name no tag that add names");
    let body = UpdateTagsRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, tenant, "UpdateTags", &message.request_id, &body);
    violations.finish()?;
    Ok(UpdateTags { request, customer_id, add, remove })
}

fn names(violations: &mut Violations, field: &str, names: &[String]) -> Vec<TagName> {
    violations.check(names.len() <= MOST_NAMES, field, "must be at most 50 names");
    let parsed = (0..).zip(names).take(MOST_NAMES).filter_map(|(index, name): (usize, _)| {
        violations.take(&format!("{field}[{index}]"), TagName::parse(name))
    });
    parsed.collect()
}
