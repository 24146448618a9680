use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tandem_access::Role;
use tandem_proto::conversation::v1::{
    Channel, ChannelCapabilities, ChannelPolicy, CreateTenantRequest, ReopenPolicy,
};
use tandem_proto::r#type::v1::ChannelKind;
use uuid::Uuid;

use crate::connection::Connection;
use crate::directory;
use crate::exit::Refused;
use crate::gateway::{Gateway, request, retried};

/// The tenant of every `tandem up`.
pub const TENANT: Uuid = Uuid::from_u128(0x0198_5c1e_7a40_7d3e_9b52_2f6c_8d01_a4e7);
/// The subjects of the demo's agent and supervisor.
pub const AGENT: &str = "dana";
pub const SUPERVISOR: &str = "sam";

/// Sets the demo tenant up; what is there is used again. Answers the channels by their short names.
pub async fn set_up(connection: &Connection) -> Result<BTreeMap<String, Uuid>> {
    let gateway = Gateway::new(connection)?;
    let service = gateway.caller(connection.token(Role::Service)?)?;
    let create = CreateTenantRequest { tenant_id: TENANT.to_string(), name: "Demo".to_owned() };
    let call = || async { service.tenants().create_tenant(request(create.clone())).await };
    retried(call).await.map_err(Refused::from)?;

    let admin = gateway.caller(connection.token(Role::Admin)?)?;
    let mut channels = BTreeMap::new();
    for (name, wanted) in [("whatsapp", whatsapp()), ("web-chat", web_chat())] {
        channels.insert(name.to_owned(), directory::ensure_channel(&admin, TENANT, wanted).await?);
    }
    let people = [(AGENT, "Dana"), (SUPERVISOR, "Sam")];
    let people = people.map(|(subject, name)| (subject.to_owned(), name.to_owned())).into();
    let agents = directory::ensure_agents(&admin, TENANT, &people).await?;
    let members: BTreeSet<String> = agents.into_values().collect();
    let team = directory::ensure_team(&admin, TENANT, "Front desk", &members).await?;
    if let Some(token) = &team.change_token {
        let supervisor = gateway.caller(connection.token(Role::Supervisor)?)?;
        directory::await_access(&supervisor, token).await?;
    }
    Ok(channels)
}

fn whatsapp() -> Channel {
    Channel {
        kind: ChannelKind::Whatsapp.into(),
        display_name: "Demo WhatsApp".to_owned(),
        capabilities: Some(ChannelCapabilities {
            // WhatsApp's own rule: free text for a day after the customer's last message.
            reply_window: Some(prost_types::Duration { seconds: 24 * 3600, nanos: 0 }),
            templates: true,
            receipts: true,
            edits: true,
            ..ChannelCapabilities::default()
        }),
        policy: Some(policy()),
        ..Channel::default()
    }
}

fn web_chat() -> Channel {
    Channel {
        kind: ChannelKind::WebChat.into(),
        display_name: "Demo web chat".to_owned(),
        capabilities: Some(ChannelCapabilities { receipts: true, ..ChannelCapabilities::default() }),
        policy: Some(policy()),
        ..Channel::default()
    }
}

fn policy() -> ChannelPolicy {
    ChannelPolicy { ai_enabled: true, reopen: ReopenPolicy::Always.into(), ..ChannelPolicy::default() }
}
