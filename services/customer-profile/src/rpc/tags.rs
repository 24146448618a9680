//! `TagService` on the wire: the tags themselves.

use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::tag_service_server::TagService;
use tandem_proto::customer::v1::{
    DeleteTagRequest, DeleteTagResponse, ListTagsRequest, ListTagsResponse, MergeTagsRequest,
    MergeTagsResponse, Tag, UpdateTagRequest, UpdateTagResponse,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Call, CustomerRpc, check};
use crate::domain::tag::{self, DeleteTag, MergeTags, TagName, UpdateTag};
use crate::wire;

/// Characters of a description.
const DESCRIPTION: usize = 500;
/// Paths of a mask that are looked at: more than there are fields.
const MOST_PATHS: usize = 20;

#[tonic::async_trait]
impl TagService for CustomerRpc {
    async fn list_tags(
        &self,
        request: Request<ListTagsRequest>,
    ) -> Result<Response<ListTagsResponse>, Status> {
        let call = Call::of(request)?;
        let mut violations = Violations::new();
        let prefix = check::line(&mut violations, "prefix", &call.message.prefix, tag::MOST_CHARACTERS);
        violations.finish()?;
        let tags = tag::list(&self.core, call.tenant, &prefix).await?;
        Ok(Response::new(ListTagsResponse { tags: tags.into_iter().map(wire::tag).collect() }))
    }

    async fn update_tag(
        &self,
        request: Request<UpdateTagRequest>,
    ) -> Result<Response<UpdateTagResponse>, Status> {
        let call = Call::of(request)?;
        let edited = tag::edit(&self.core, parse_update(&call.message, call.tenant)?).await?;
        Ok(Response::new(UpdateTagResponse {
            tag: Some(wire::tag(edited.tag)),
            change_token: self.token(edited.change),
        }))
    }

    async fn merge_tags(
        &self,
        request: Request<MergeTagsRequest>,
    ) -> Result<Response<MergeTagsResponse>, Status> {
        let call = Call::of(request)?;
        let merged = tag::merge(&self.core, parse_merge(&call.message, call.tenant)?).await?;
        Ok(Response::new(MergeTagsResponse {
            tag: Some(wire::tag(merged.tag)),
            change_token: self.token(merged.change),
        }))
    }

    async fn delete_tag(
        &self,
        request: Request<DeleteTagRequest>,
    ) -> Result<Response<DeleteTagResponse>, Status> {
        let call = Call::of(request)?;
        let change = tag::delete(&self.core, parse_delete(&call.message, call.tenant)?).await?;
        Ok(Response::new(DeleteTagResponse { change_token: self.token(change) }))
    }
}

fn parse_update(message: &UpdateTagRequest, tenant: Uuid) -> Result<UpdateTag, Fault> {
    let mut violations = Violations::new();
    let given = message.tag.clone().unwrap_or_default();
    let tag_id = check::id(&mut violations, "tag.id", &given.id);
    let paths = message.update_mask.clone().unwrap_or_default().paths;
    violations.check(!paths.is_empty(), "update_mask", "must name a field");
    let (mut name, mut description, mut colour) = (None, None, None);
    for (index, path) in paths.iter().enumerate().take(MOST_PATHS) {
        match path.as_str() {
            "name" => name = violations.take("tag.name", TagName::parse(&given.name)),
            "description" => {
                description =
                    Some(check::line(&mut violations, "tag.description", &given.description, DESCRIPTION));
            }
            "colour" => {
                let small = given.colour.trim().to_ascii_lowercase();
                violations.check(is_colour(&small), "tag.colour", "must be #rrggbb or empty");
                colour = Some(small);
            }
            _ => {
                violations
                    .add(format!("update_mask.paths[{index}]"), "must name name, description or colour");
            }
        }
    }
    let mut body = UpdateTagRequest { request_id: String::new(), ..message.clone() };
    // What is read with a tag may be another when the call is repeated.
    body.tag = Some(Tag {
        id: given.id,
        name: given.name,
        description: given.description,
        colour: given.colour,
        ..Tag::default()
    });
    let request = check::request(&mut violations, tenant, "UpdateTag", &message.request_id, &body);
    violations.finish()?;
    Ok(UpdateTag { request, tag_id, etag: given.etag, name, description, colour })
}

fn is_colour(text: &str) -> bool {
    let digits = |digits: &str| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.is_empty() || text.strip_prefix('#').is_some_and(digits)
}

fn parse_merge(message: &MergeTagsRequest, tenant: Uuid) -> Result<MergeTags, Fault> {
    let mut violations = Violations::new();
    let tag_id = check::id(&mut violations, "tag_id", &message.tag_id);
    let into_id = check::id(&mut violations, "into_tag_id", &message.into_tag_id);
    violations.check(tag_id.is_nil() || tag_id != into_id, "into_tag_id", "must be another tag");
    let body = MergeTagsRequest { request_id: String::new(), ..message.clone() };
    let request = check::request(&mut violations, tenant, "MergeTags", &message.request_id, &body);
    violations.finish()?;
    Ok(MergeTags { request, tag_id, into_id })
}

fn parse_delete(message: &DeleteTagRequest, tenant: Uuid) -> Result<DeleteTag, Fault> {
    let mut violations = Violations::new();
    let tag_id = check::id(&mut violations, "tag_id", &message.tag_id);
    let body = DeleteTagRequest { request_id: String::new(), etag: String::new(), ..message.clone() };
    let request = check::request(&mut violations, tenant, "DeleteTag", &message.request_id, &body);
    violations.finish()?;
    Ok(DeleteTag { request, tag_id, etag: message.etag.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        for right in ["", "#00ff7f", "#123456"] {
            assert!(is_colour(right), "{right}");
        }
        for wrong in ["#", "red", "#12345", "#1234567", "#12345g", "123456", "#12345é"] {
            assert!(!is_colour(wrong), "{wrong}");
        }
    }
}
