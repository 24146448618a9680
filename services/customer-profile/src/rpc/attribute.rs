//! `AttributeService` on the wire.

use std::collections::BTreeSet;

use tandem_access::caller;
use tandem_fault::{Fault, Violations};
use tandem_proto::customer::v1::attribute_service_server::AttributeService;
use tandem_proto::customer::v1::{
    AttributeDefinition, CreateAttributeDefinitionRequest, CreateAttributeDefinitionResponse,
    DeleteAttributeDefinitionRequest, DeleteAttributeDefinitionResponse, ListAttributeDefinitionsRequest,
    ListAttributeDefinitionsResponse, UpdateAttributeDefinitionRequest, UpdateAttributeDefinitionResponse,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::check;
use crate::domain::Core;
use crate::domain::attribute::{self, Create, Kind, Update};
use crate::wire;

/// Characters of a key, and of a title or an option.
const KEY: usize = 64;
const TITLE: usize = 100;
/// Options of one list.
const MOST_OPTIONS: usize = 100;

/// Serves `AttributeService`.
pub struct AttributeRpc {
    pub core: Core,
}

#[tonic::async_trait]
impl AttributeService for AttributeRpc {
    async fn create_attribute_definition(
        &self,
        request: Request<CreateAttributeDefinitionRequest>,
    ) -> Result<Response<CreateAttributeDefinitionResponse>, Status> {
        let create = parse_create(request.get_ref(), caller(&request)?.tenant()?)?;
        let definition = attribute::create(&self.core, create).await?;
        Ok(Response::new(CreateAttributeDefinitionResponse {
            definition: Some(wire::definition(definition)),
        }))
    }

    async fn update_attribute_definition(
        &self,
        request: Request<UpdateAttributeDefinitionRequest>,
    ) -> Result<Response<UpdateAttributeDefinitionResponse>, Status> {
        let update = parse_update(request.get_ref(), caller(&request)?.tenant()?)?;
        let definition = attribute::update(&self.core, update).await?;
        Ok(Response::new(UpdateAttributeDefinitionResponse {
            definition: Some(wire::definition(definition)),
        }))
    }

    async fn delete_attribute_definition(
        &self,
        request: Request<DeleteAttributeDefinitionRequest>,
    ) -> Result<Response<DeleteAttributeDefinitionResponse>, Status> {
        let mut violations = Violations::new();
        let id = check::id(&mut violations, "definition_id", &request.get_ref().definition_id);
        violations.finish()?;
        attribute::delete(&self.core, (caller(&request)?.tenant()?, id)).await?;
        Ok(Response::new(DeleteAttributeDefinitionResponse {}))
    }

    async fn list_attribute_definitions(
        &self,
        request: Request<ListAttributeDefinitionsRequest>,
    ) -> Result<Response<ListAttributeDefinitionsResponse>, Status> {
        let definitions = attribute::list(&self.core, caller(&request)?.tenant()?).await?;
        let definitions = definitions.into_iter().map(wire::definition).collect();
        Ok(Response::new(ListAttributeDefinitionsResponse { definitions }))
    }
}

fn parse_create(message: &CreateAttributeDefinitionRequest, tenant: Uuid) -> Result<Create, Fault> {
    let mut violations = Violations::new();
    let given = message.definition.clone().unwrap_or_default();
    let key = key(&mut violations, &given);
    let title = title(&mut violations, &given);
    let options = options(&mut violations, &given);
    let kind = Kind::of_number(given.r#type);
    violations.check(kind.is_some(), "definition.type", "must be a type of attribute");
    let fits = kind.is_none_or(|kind| (kind == Kind::OneOf) != given.options.is_empty());
    violations.check(fits, "definition.options", "must be given for one of a list, and for nothing else");
    let body = CreateAttributeDefinitionRequest { request_id: String::new(), ..message.clone() };
    let request =
        check::request(&mut violations, tenant, "CreateAttributeDefinition", &message.request_id, &body);
    violations.finish()?;
    Ok(Create { request, key, title, kind: kind.unwrap_or(Kind::Text), options })
}

fn parse_update(message: &UpdateAttributeDefinitionRequest, tenant: Uuid) -> Result<Update, Fault> {
    let mut violations = Violations::new();
    let mut given = message.definition.clone().unwrap_or_default();
    let definition_id = check::id(&mut violations, "definition.id", &given.id);
    let paths: BTreeSet<&str> =
        message.update_mask.iter().flat_map(|mask| &mask.paths).map(String::as_str).collect();
    let known = !paths.is_empty() && paths.iter().all(|path| ["key", "title", "options"].contains(path));
    violations.check(known, "update_mask", "must name key, title or options");
    let key = paths.contains("key").then(|| key(&mut violations, &given));
    let title = paths.contains("title").then(|| title(&mut violations, &given));
    let options = paths.contains("options").then(|| options(&mut violations, &given));
    let etag = std::mem::take(&mut given.etag);
    let body = UpdateAttributeDefinitionRequest {
        request_id: String::new(),
        definition: Some(given),
        ..message.clone()
    };
    let request =
        check::request(&mut violations, tenant, "UpdateAttributeDefinition", &message.request_id, &body);
    violations.finish()?;
    Ok(Update { request, definition_id, etag, key, title, options })
}

/// Words of small letters and digits: a field mask in JSON can name it.
fn key(violations: &mut Violations, given: &AttributeDefinition) -> String {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let good = given.key.len() <= KEY && given.key.split('_').all(word);
    let must =
        "must be words of a to z and digits that begin with a letter, joined by _, at most 64 characters";
    violations.check(good, "definition.key", must);
    given.key.clone()
}

fn title(violations: &mut Violations, given: &AttributeDefinition) -> String {
    let title = check::line(violations, "definition.title", &given.title, TITLE);
    violations.check(!title.is_empty(), "definition.title", "must have 1 to 100 characters");
    title
}

fn options(violations: &mut Violations, given: &AttributeDefinition) -> Vec<String> {
    let most = given.options.len() <= MOST_OPTIONS;
    violations.check(most, "definition.options", "must be at most 100");
    let mut options: Vec<String> = Vec::new();
    for (index, option) in given.options.iter().take(MOST_OPTIONS).enumerate() {
        let field = format!("definition.options[{index}]");
        let option = check::line(violations, &field, option, TITLE);
        violations.check(!option.is_empty(), &field, "must have 1 to 100 characters");
        violations.check(!options.contains(&option), &field, "must be different from the others");
        options.push(option);
    }
    options
}
