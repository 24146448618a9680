use tandem_access::{Caller, caller};
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::directory_service_server::DirectoryService;
use tandem_signed_token::Signer;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{convert, list, parse};
use crate::domain::check::is_name;
use crate::domain::{App, agent, team};

pub struct Directory {
    pub app: App,
    pub signer: Signer,
}

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn create_agent(
        &self,
        request: Request<proto::CreateAgentRequest>,
    ) -> Result<Response<proto::CreateAgentResponse>, Status> {
        let command = create_agent(caller(&request)?, request.get_ref())?;
        let changed = agent::create(&self.app, command).await?;
        let agent = Some(convert::agent(changed.entity));
        Ok(Response::new(proto::CreateAgentResponse { agent, change_token: changed.change_token }))
    }

    async fn update_agent(
        &self,
        request: Request<proto::UpdateAgentRequest>,
    ) -> Result<Response<proto::UpdateAgentResponse>, Status> {
        let command = update_agent(caller(&request)?, request.get_ref())?;
        let changed = agent::update(&self.app, command).await?;
        let agent = Some(convert::agent(changed.entity));
        Ok(Response::new(proto::UpdateAgentResponse { agent, change_token: changed.change_token }))
    }

    async fn get_agent(
        &self,
        request: Request<proto::GetAgentRequest>,
    ) -> Result<Response<proto::GetAgentResponse>, Status> {
        let mut violations = Violations::new();
        let id = parse::maybe_id(&mut violations, "agent_id", &request.get_ref().agent_id);
        violations.finish()?;
        let agent = agent::get(&self.app, caller(&request)?, id).await?;
        Ok(Response::new(proto::GetAgentResponse { agent: Some(convert::agent(agent)) }))
    }

    async fn list_agents(
        &self,
        request: Request<proto::ListAgentsRequest>,
    ) -> Result<Response<proto::ListAgentsResponse>, Status> {
        let (page, narrow) = list::agents(&self.signer, caller(&request)?, request.get_ref())?;
        let scanned = agent::list(&self.app, page.tenant_id, &narrow, page.after.clone(), page.limit).await?;
        let next_page_token = page.next(&self.signer, scanned.next.as_ref());
        let agents = scanned.items.into_iter().map(convert::agent).collect();
        Ok(Response::new(proto::ListAgentsResponse { agents, next_page_token }))
    }

    async fn create_team(
        &self,
        request: Request<proto::CreateTeamRequest>,
    ) -> Result<Response<proto::CreateTeamResponse>, Status> {
        let command = create_team(caller(&request)?, request.get_ref())?;
        let changed = team::create(&self.app, command).await?;
        let team = Some(convert::team(changed.entity, self.app.ambient.now()));
        Ok(Response::new(proto::CreateTeamResponse { team, change_token: changed.change_token }))
    }

    async fn update_team(
        &self,
        request: Request<proto::UpdateTeamRequest>,
    ) -> Result<Response<proto::UpdateTeamResponse>, Status> {
        let command = update_team(caller(&request)?, request.get_ref())?;
        let changed = team::update(&self.app, command).await?;
        let team = Some(convert::team(changed.entity, self.app.ambient.now()));
        Ok(Response::new(proto::UpdateTeamResponse { team, change_token: changed.change_token }))
    }

    async fn list_teams(
        &self,
        request: Request<proto::ListTeamsRequest>,
    ) -> Result<Response<proto::ListTeamsResponse>, Status> {
        let page = list::teams(&self.signer, caller(&request)?, request.get_ref())?;
        let query = &request.get_ref().query;
        let scanned = team::list(&self.app, page.tenant_id, query, page.after.clone(), page.limit).await?;
        let next_page_token = page.next(&self.signer, scanned.next.as_ref());
        let now = self.app.ambient.now();
        let teams = scanned.items.into_iter().map(|team| convert::team(team, now)).collect();
        Ok(Response::new(proto::ListTeamsResponse { teams, next_page_token }))
    }

    async fn get_team(
        &self,
        request: Request<proto::GetTeamRequest>,
    ) -> Result<Response<proto::GetTeamResponse>, Status> {
        let mut violations = Violations::new();
        let id = parse::id(&mut violations, "team_id", &request.get_ref().team_id);
        violations.finish()?;
        let team = team::get(&self.app, caller(&request)?.tenant()?, id).await?;
        let team = Some(convert::team(team, self.app.ambient.now()));
        Ok(Response::new(proto::GetTeamResponse { team }))
    }

    async fn deactivate_agent(
        &self,
        request: Request<proto::DeactivateAgentRequest>,
    ) -> Result<Response<proto::DeactivateAgentResponse>, Status> {
        let caller = caller(&request)?;
        let (command, agent_id) = deactivate_agent(caller, request.get_ref())?;
        let changed = agent::deactivate(&self.app, caller, command, agent_id).await?;
        let (agent, operation) = (changed.entity.agent, changed.entity.operation);
        Ok(Response::new(proto::DeactivateAgentResponse {
            agent: Some(convert::agent(agent)),
            operation: Some(convert::operation(operation)),
            change_token: changed.change_token,
        }))
    }

    async fn reactivate_agent(
        &self,
        request: Request<proto::ReactivateAgentRequest>,
    ) -> Result<Response<proto::ReactivateAgentResponse>, Status> {
        let (command, agent_id) = reactivate_agent(caller(&request)?, request.get_ref())?;
        let changed = agent::reactivate(&self.app, command, agent_id).await?;
        let agent = Some(convert::agent(changed.entity));
        Ok(Response::new(proto::ReactivateAgentResponse { agent, change_token: changed.change_token }))
    }
}

fn create_agent(caller: &Caller, message: &proto::CreateAgentRequest) -> Result<agent::Create, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let given = message.agent.clone().unwrap_or_default();
    violations.check(is_name(&given.subject, 255), "agent.subject", "must be 1 to 255 characters");
    let values = parse::agent_values(&mut violations, &given, &agent::Field::ALL);
    violations.finish()?;
    let body = proto::CreateAgentRequest { request_id: String::new(), ..message.clone() };
    let request = parse::request(caller, "CreateAgent", request_id, &body)?;
    Ok(agent::Create { request, subject: given.subject, values })
}

fn update_agent(caller: &Caller, message: &proto::UpdateAgentRequest) -> Result<agent::Update, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let mut given = message.agent.clone().unwrap_or_default();
    let agent_id = parse::id(&mut violations, "agent.id", &given.id);
    let version = parse::version(&mut violations, "agent.etag", &given.etag);
    let mask = message.update_mask.as_ref();
    let fields = parse::mask(&mut violations, mask, &agent::Field::ALL, agent::Field::path);
    let values = parse::agent_values(&mut violations, &given, &fields);
    violations.finish()?;
    given.etag.clear();
    let body = proto::UpdateAgentRequest { request_id: String::new(), agent: Some(given), ..message.clone() };
    let request = parse::request(caller, "UpdateAgent", request_id, &body)?;
    Ok(agent::Update { request, agent_id, version, fields, values })
}

fn create_team(caller: &Caller, message: &proto::CreateTeamRequest) -> Result<team::Create, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let given = message.team.clone().unwrap_or_default();
    let values = parse::team_values(&mut violations, &given, &team::Field::ALL);
    violations.finish()?;
    let body = proto::CreateTeamRequest { request_id: String::new(), ..message.clone() };
    Ok(team::Create { request: parse::request(caller, "CreateTeam", request_id, &body)?, values })
}

fn update_team(caller: &Caller, message: &proto::UpdateTeamRequest) -> Result<team::Update, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let mut given = message.team.clone().unwrap_or_default();
    let team_id = parse::id(&mut violations, "team.id", &given.id);
    let version = parse::version(&mut violations, "team.etag", &given.etag);
    let mask = message.update_mask.as_ref();
    let fields = parse::mask(&mut violations, mask, &team::Field::ALL, team::Field::path);
    let values = parse::team_values(&mut violations, &given, &fields);
    violations.finish()?;
    given.etag.clear();
    let body = proto::UpdateTeamRequest { request_id: String::new(), team: Some(given), ..message.clone() };
    let request = parse::request(caller, "UpdateTeam", request_id, &body)?;
    Ok(team::Update { request, team_id, version, fields, values })
}

fn deactivate_agent(
    caller: &Caller,
    message: &proto::DeactivateAgentRequest,
) -> Result<(tandem_request_log::Request, Uuid), Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let agent_id = parse::id(&mut violations, "agent_id", &message.agent_id);
    violations.finish()?;
    let body = proto::DeactivateAgentRequest { request_id: String::new(), ..message.clone() };
    Ok((parse::request(caller, "DeactivateAgent", request_id, &body)?, agent_id))
}

fn reactivate_agent(
    caller: &Caller,
    message: &proto::ReactivateAgentRequest,
) -> Result<(tandem_request_log::Request, Uuid), Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let agent_id = parse::id(&mut violations, "agent_id", &message.agent_id);
    violations.finish()?;
    let body = proto::ReactivateAgentRequest { request_id: String::new(), ..message.clone() };
    Ok((parse::request(caller, "ReactivateAgent", request_id, &body)?, agent_id))
}
