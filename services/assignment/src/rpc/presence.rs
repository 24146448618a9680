use chrono::TimeDelta;
use tandem_access::caller;
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::presence_service_server::PresenceService;
use tonic::{Request, Response, Status};

use super::{convert, parse};
use crate::domain::App;
use crate::domain::presence::{self, Whose};

pub struct Presences {
    pub app: App,
}

/// Seconds that a heartbeat may count, and how long it counts when it does not say.
const TTL: (std::ops::RangeInclusive<i32>, i32) = (10..=300, 60);

#[tonic::async_trait]
impl PresenceService for Presences {
    async fn set_presence(
        &self,
        request: Request<proto::SetPresenceRequest>,
    ) -> Result<Response<proto::SetPresenceResponse>, Status> {
        let set = set(request.get_ref())?;
        let there = presence::set(&self.app, caller(&request)?, set).await?;
        Ok(Response::new(proto::SetPresenceResponse { presence: Some(convert::there(there)) }))
    }

    async fn list_presences(
        &self,
        request: Request<proto::ListPresencesRequest>,
    ) -> Result<Response<proto::ListPresencesResponse>, Status> {
        let whose = whose(request.get_ref())?;
        let there = presence::list(&self.app, caller(&request)?.tenant()?, whose).await?;
        let presences = there.into_iter().map(convert::there).collect();
        Ok(Response::new(proto::ListPresencesResponse { presences }))
    }
}

fn set(message: &proto::SetPresenceRequest) -> Result<presence::Set, Fault> {
    let mut violations = Violations::new();
    let presence = parse::presence(&mut violations, "status", message.status);
    let ttl_s = message.ttl_s.unwrap_or(TTL.1);
    violations.check(TTL.0.contains(&ttl_s), "ttl_s", "must be 10 to 300 seconds");
    violations.finish()?;
    Ok(presence::Set { presence, ttl: TimeDelta::seconds(ttl_s.into()) })
}

fn whose(message: &proto::ListPresencesRequest) -> Result<Whose, Fault> {
    let mut violations = Violations::new();
    let team_id = parse::maybe_id(&mut violations, "team_id", &message.team_id);
    violations.check(message.agent_ids.len() <= 200, "agent_ids", "must be at most 200");
    let agent_ids = parse::ids(&mut violations, "agent_ids", &message.agent_ids);
    let one_of_them = team_id.is_some() == agent_ids.is_empty();
    violations.check(one_of_them, "agent_ids", "must be given, or else a team_id, and not both");
    violations.finish()?;
    Ok(team_id.map_or(Whose::Agents(agent_ids), Whose::Team))
}
