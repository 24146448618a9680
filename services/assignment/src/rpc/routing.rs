use tandem_access::{Caller, caller};
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::routing_service_server::RoutingService;
use tonic::{Request, Response, Status};

use super::{parse, routing_convert as convert};
use crate::domain::App;
use crate::domain::routing::{self, Field, Rule};

pub struct Routing {
    pub app: App,
}

#[tonic::async_trait]
impl RoutingService for Routing {
    async fn create_routing_rule(
        &self,
        request: Request<proto::CreateRoutingRuleRequest>,
    ) -> Result<Response<proto::CreateRoutingRuleResponse>, Status> {
        let rule = routing::create(&self.app, create(caller(&request)?, request.get_ref())?).await?;
        Ok(Response::new(proto::CreateRoutingRuleResponse { rule: Some(convert::rule(rule)) }))
    }

    async fn update_routing_rule(
        &self,
        request: Request<proto::UpdateRoutingRuleRequest>,
    ) -> Result<Response<proto::UpdateRoutingRuleResponse>, Status> {
        let rule = routing::update(&self.app, update(caller(&request)?, request.get_ref())?).await?;
        Ok(Response::new(proto::UpdateRoutingRuleResponse { rule: Some(convert::rule(rule)) }))
    }

    async fn delete_routing_rule(
        &self,
        request: Request<proto::DeleteRoutingRuleRequest>,
    ) -> Result<Response<proto::DeleteRoutingRuleResponse>, Status> {
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "rule_id", &request.get_ref().rule_id);
        violations.finish()?;
        routing::delete(&self.app, caller(&request)?.tenant()?, id).await?;
        Ok(Response::new(proto::DeleteRoutingRuleResponse {}))
    }

    async fn list_routing_rules(
        &self,
        request: Request<proto::ListRoutingRulesRequest>,
    ) -> Result<Response<proto::ListRoutingRulesResponse>, Status> {
        let rules = routing::list(&self.app, caller(&request)?.tenant()?).await?;
        let rules = rules.into_iter().map(convert::rule).collect();
        Ok(Response::new(proto::ListRoutingRulesResponse { rules }))
    }

    async fn list_candidates(
        &self,
        request: Request<proto::ListCandidatesRequest>,
    ) -> Result<Response<proto::ListCandidatesResponse>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "conversation_id", &message.conversation_id);
        let team_id = parse::maybe_id(&mut violations, "team_id", &message.team_id);
        violations.finish()?;
        let found =
            routing::candidates(&self.app, caller, id, team_id, &message.at_least_as_fresh).await?;
        Ok(Response::new(convert::candidates(found)))
    }

    async fn explain_routing(
        &self,
        request: Request<proto::ExplainRoutingRequest>,
    ) -> Result<Response<proto::ExplainRoutingResponse>, Status> {
        let (caller, message) = (caller(&request)?, request.get_ref());
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "conversation_id", &message.conversation_id);
        let rule = message.rule.as_ref().map(|given| self.tried(&mut violations, given));
        violations.finish()?;
        let explained =
            routing::explain(&self.app, caller, id, rule, &message.at_least_as_fresh).await?;
        Ok(Response::new(convert::explained(explained)))
    }
}

impl Routing {
    /// A rule that is tried without being stored; its name may be empty.
    fn tried(&self, violations: &mut Violations, given: &proto::RoutingRule) -> Rule {
        let fields: Vec<Field> =
            Field::ALL.iter().copied().filter(|field| *field != Field::DisplayName).collect();
        let values = parse::rule_values(violations, given, &fields);
        let id = parse::maybe_id(violations, "rule.id", &given.id).unwrap_or_default();
        let mut rule = Rule {
            id,
            display_name: given.display_name.clone(),
            ..Rule::default_at(self.app.ambient.now())
        };
        values.put(&fields, &mut rule);
        rule
    }
}

fn create(caller: &Caller, message: &proto::CreateRoutingRuleRequest) -> Result<routing::Create, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let given = message.rule.clone().unwrap_or_default();
    let values = parse::rule_values(&mut violations, &given, Field::ALL);
    violations.finish()?;
    let body = proto::CreateRoutingRuleRequest { request_id: String::new(), ..message.clone() };
    Ok(routing::Create { request: parse::request(caller, "CreateRoutingRule", request_id, &body)?, values })
}

fn update(caller: &Caller, message: &proto::UpdateRoutingRuleRequest) -> Result<routing::Update, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let mut given = message.rule.clone().unwrap_or_default();
    let rule_id = parse::id(&mut violations, "rule.id", &given.id);
    let version = parse::version(&mut violations, "rule.etag", &given.etag);
    let mask = message.update_mask.as_ref();
    let fields = parse::mask(&mut violations, mask, Field::ALL, Field::path);
    let values = parse::rule_values(&mut violations, &given, &fields);
    violations.finish()?;
    given.etag.clear();
    let body =
        proto::UpdateRoutingRuleRequest { request_id: String::new(), rule: Some(given), ..message.clone() };
    let request = parse::request(caller, "UpdateRoutingRule", request_id, &body)?;
    Ok(routing::Update { request, rule_id, version, fields, values })
}
