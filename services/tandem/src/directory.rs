//! Sets a tenant up: channels, agents, teams. Everything is looked up first, so that doing it again changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures::stream::{self, StreamExt, TryStreamExt};
use tandem_proto::assignment::v1::{
    Agent, CreateAgentRequest, CreateTeamRequest, ListAgentsRequest, ListTeamsRequest, Team,
    UpdateTeamRequest,
};
use tandem_proto::conversation::v1::{
    Channel, CreateChannelRequest, ListChannelsRequest, ListConversationsRequest,
};
use uuid::Uuid;

use crate::exit::Refused;
use crate::gateway::{Caller, request, retried};
use crate::replay::request_ids;

const PAGE: i32 = 200;
/// How many agents are made at once.
const AT_ONCE: usize = 8;

/// Answers the id of the channel of this kind and name, made when there is none.
pub async fn ensure_channel(admin: &Caller, tenant: Uuid, wanted: Channel) -> Result<Uuid> {
    let list = || async { admin.channels().list_channels(request(ListChannelsRequest {})).await };
    let present = retried(list).await.map_err(Refused::from)?.channels;
    let same = |one: &&Channel| one.kind == wanted.kind && one.display_name == wanted.display_name;
    if let Some(found) = present.iter().find(same) {
        return Ok(found.id.parse()?);
    }
    let id =
        request_ids::of(&["channel", &tenant.to_string(), &wanted.kind.to_string(), &wanted.display_name]);
    let create = CreateChannelRequest { request_id: id.to_string(), channel: Some(wanted) };
    let make = || async { admin.channels().create_channel(request(create.clone())).await };
    let made = retried(make).await.map_err(Refused::from)?;
    Ok(made.channel.unwrap_or_default().id.parse()?)
}

/// Answers the ids of the agents of these subjects; those that are not there are made. Takes subject → name.
pub async fn ensure_agents(
    admin: &Caller,
    tenant: Uuid,
    wanted: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut present = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let list = ListAgentsRequest { page_size: PAGE, page_token, ..ListAgentsRequest::default() };
        let call = || async { admin.directory().list_agents(request(list.clone())).await };
        let page = retried(call).await.map_err(Refused::from)?;
        present.extend(page.agents.into_iter().map(|agent| (agent.subject, agent.id)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let missing = wanted.iter().filter(|(subject, _)| !present.contains_key(*subject));
    let made: Vec<(String, String)> = stream::iter(missing.map(|(subject, name)| async move {
        let agent = Agent { subject: subject.clone(), display_name: name.clone(), ..Agent::default() };
        let id = request_ids::of(&["agent", &tenant.to_string(), subject]);
        let create = CreateAgentRequest { request_id: id.to_string(), agent: Some(agent) };
        let call = || async { admin.directory().create_agent(request(create.clone())).await };
        let made = retried(call).await.map_err(Refused::from)?;
        Ok::<_, anyhow::Error>((subject.clone(), made.agent.unwrap_or_default().id))
    }))
    .buffer_unordered(AT_ONCE)
    .try_collect()
    .await?;
    present.extend(made);
    present.retain(|subject, _| wanted.contains_key(subject));
    Ok(present)
}

/// A team as it is now, and the token of the change that made it so, if one was needed.
#[derive(Debug)]
pub struct EnsuredTeam {
    pub id: String,
    pub change_token: Option<String>,
}

/// Makes sure that a team of this name sees every channel and has at least these members.
pub async fn ensure_team(
    admin: &Caller,
    tenant: Uuid,
    name: &str,
    members: &BTreeSet<String>,
) -> Result<EnsuredTeam> {
    let Some(mut team) = find_team(admin, name).await? else {
        let team = Team {
            display_name: name.to_owned(),
            agent_ids: members.iter().cloned().collect(),
            all_channels: true,
            ..Team::default()
        };
        let id = team_request("team", tenant, name, &team.agent_ids);
        let create = CreateTeamRequest { request_id: id, team: Some(team) };
        let call = || async { admin.directory().create_team(request(create.clone())).await };
        let made = retried(call).await.map_err(Refused::from)?;
        return Ok(EnsuredTeam {
            id: made.team.unwrap_or_default().id,
            change_token: Some(made.change_token),
        });
    };
    let all: BTreeSet<String> = team.agent_ids.iter().chain(members).cloned().collect();
    if all.len() == team.agent_ids.len() && team.all_channels {
        return Ok(EnsuredTeam { id: team.id, change_token: None });
    }
    team.agent_ids = all.into_iter().collect();
    team.all_channels = true;
    // The etag is part of the id: members that were taken out again meanwhile can be put in a second time.
    let id = team_request(&team.etag, tenant, name, &team.agent_ids);
    let update_mask =
        prost_types::FieldMask { paths: vec!["agent_ids".to_owned(), "all_channels".to_owned()] };
    let update = UpdateTeamRequest { request_id: id, team: Some(team), update_mask: Some(update_mask) };
    let call = || async { admin.directory().update_team(request(update.clone())).await };
    let updated = retried(call).await.map_err(Refused::from)?;
    Ok(EnsuredTeam { id: updated.team.unwrap_or_default().id, change_token: Some(updated.change_token) })
}

/// Waits until the conversation service knows of a change of agents or teams, and with it who may see what.
pub async fn await_access(supervisor: &Caller, change_token: &str) -> Result<()> {
    let list = ListConversationsRequest {
        page_size: 1,
        at_least_as_fresh: vec![change_token.to_owned()],
        ..ListConversationsRequest::default()
    };
    let call = || async { supervisor.conversations().list_conversations(request(list.clone())).await };
    retried(call).await.map_err(Refused::from)?;
    Ok(())
}

async fn find_team(admin: &Caller, name: &str) -> Result<Option<Team>> {
    let mut page_token = String::new();
    loop {
        let list = ListTeamsRequest { page_size: PAGE, page_token, ..ListTeamsRequest::default() };
        let call = || async { admin.directory().list_teams(request(list.clone())).await };
        let page = retried(call).await.map_err(Refused::from)?;
        if let Some(found) = page.teams.into_iter().find(|team| team.display_name == name) {
            return Ok(Some(found));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(None);
        }
    }
}

fn team_request(kind: &str, tenant: Uuid, name: &str, members: &[String]) -> String {
    let tenant = tenant.to_string();
    let mut parts = vec![kind, &tenant, name];
    parts.extend(members.iter().map(String::as_str));
    request_ids::of(&parts).to_string()
}
