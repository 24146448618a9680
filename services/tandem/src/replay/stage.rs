use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, Utc};
use tandem_access::Role;
use tandem_ambient::Ambient;
use tandem_proto::conversation::v1::{
    Channel, ChannelCapabilities, ChannelPolicy, GetAccessScopeRequest, ReopenPolicy,
};
use tandem_proto::r#type::v1::ChannelKind;
use uuid::Uuid;

use super::plan::Plan;
use super::source::SourceChannel;
use crate::connection::{Bearer, Connection, Minter};
use crate::directory;
use crate::exit::Refused;
use crate::gateway::{Caller, Gateway, request};

/// How long the replay's tokens are good for: longer than any replay.
const TOKEN_TTL_S: u32 = 7 * 24 * 3600;
/// A team's limit.
const MAX_AGENTS: usize = 500;

/// What a replay plays on: its own two channels, its agents, and everyone's tokens.
#[derive(Debug)]
pub struct Stage {
    pub whatsapp: String,
    pub web_chat: String,
    /// The queue that the AI hands off into.
    pub team: String,
    pub supervisor: Caller,
    pub ai: Caller,
    pub adapter: Caller,
    agents: HashMap<Option<String>, Caller>,
    /// The suite's time when the replay began: what is older was there before.
    pub began: DateTime<Utc>,
}

impl Stage {
    /// Sets the tenant up for a plan; what is there is used again.
    pub async fn set(connection: &Connection, tenant: Uuid, plan: &Plan, ambient: &Ambient) -> Result<Self> {
        if plan.agents.len() > MAX_AGENTS {
            bail!("the files name {} agents; a replay has at most {MAX_AGENTS}", plan.agents.len());
        }
        let makers =
            Makers { gateway: Gateway::new(connection)?, minter: connection.minter()?, tenant, ambient };
        let admin = makers.caller("tandem-replay", &[Role::Admin], &[])?;
        let supervisor = makers.caller("tandem-replay", &[Role::Supervisor], &[])?;
        // Asked once: a suite that is not there is told at once, one that goes away later is waited for.
        let scope = supervisor.conversations().get_access_scope(request(GetAccessScopeRequest {})).await;
        let began = scope
            .map_err(Refused::from)?
            .into_inner()
            .time
            .and_then(time)
            .context("the suite did not tell its time")?;
        let whatsapp = directory::ensure_channel(&admin, tenant, channel(ChannelKind::Whatsapp)).await?;
        let web_chat = directory::ensure_channel(&admin, tenant, channel(ChannelKind::WebChat)).await?;

        let wanted: BTreeMap<String, String> =
            plan.agents.iter().map(|agent| (subject(agent.as_deref()), name(agent.as_deref()))).collect();
        let ids = directory::ensure_agents(&admin, tenant, &wanted).await?;
        let members: BTreeSet<String> = ids.values().cloned().collect();
        let team = directory::ensure_team(&admin, tenant, "Replay", &members).await?;
        if let Some(token) = &team.change_token {
            directory::await_access(&supervisor, token).await?;
        }
        let mut agents = HashMap::new();
        for agent in &plan.agents {
            agents.insert(agent.clone(), makers.caller(&subject(agent.as_deref()), &[Role::Agent], &[])?);
        }
        Ok(Self {
            ai: makers.caller("tandem-replay-ai", &[Role::Ai], &[])?,
            adapter: makers.caller("tandem-replay-adapter", &[Role::Channel], &[whatsapp, web_chat])?,
            whatsapp: whatsapp.to_string(),
            web_chat: web_chat.to_string(),
            team: team.id,
            supervisor,
            agents,
            began,
        })
    }

    pub fn channel(&self, channel: SourceChannel) -> &str {
        match channel {
            SourceChannel::Whatsapp => &self.whatsapp,
            SourceChannel::Webchat => &self.web_chat,
        }
    }

    /// The agent whom a conversation's file names, or the one who stands in.
    pub fn agent(&self, id: Option<&String>) -> Result<&Caller> {
        self.agents.get(&id.cloned()).ok_or_else(|| anyhow!("the plan named no agent for this conversation"))
    }

    /// Whether something of this time was there before the replay.
    pub fn is_older(&self, at: Option<prost_types::Timestamp>) -> bool {
        at.and_then(time).is_some_and(|at| at < self.began)
    }
}

struct Makers<'a> {
    gateway: Gateway,
    minter: Minter,
    tenant: Uuid,
    ambient: &'a Ambient,
}

impl Makers<'_> {
    fn caller(&self, subject: &str, roles: &[Role], channels: &[Uuid]) -> Result<Caller> {
        let bearer = Bearer {
            subject: subject.to_owned(),
            tenant: Some(self.tenant),
            roles: roles.to_vec(),
            channels: channels.to_vec(),
        };
        self.gateway.caller(&self.minter.mint(&bearer, TOKEN_TTL_S, self.ambient.now()))
    }
}

/// A customer who comes back gets a new conversation that links to the last; free text may be sent at any time.
fn channel(kind: ChannelKind) -> Channel {
    let name = if kind == ChannelKind::Whatsapp { "Replay WhatsApp" } else { "Replay web chat" };
    Channel {
        kind: kind.into(),
        display_name: name.to_owned(),
        capabilities: Some(ChannelCapabilities {
            max_text_length: 16_384,
            receipts: true,
            ..ChannelCapabilities::default()
        }),
        policy: Some(ChannelPolicy {
            ai_enabled: true,
            reopen: ReopenPolicy::Never.into(),
            ..ChannelPolicy::default()
        }),
        ..Channel::default()
    }
}

fn subject(agent: Option<&str>) -> String {
    agent.map_or_else(|| "replay-agent".to_owned(), |agent| format!("replay-agent-{agent}"))
}

fn name(agent: Option<&str>) -> String {
    agent.map_or_else(|| "Replay agent".to_owned(), |agent| format!("Replay {agent}"))
}

fn time(at: prost_types::Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}
