//! `tandem call`: any RPC by its name, JSON in and out.

mod codec;
mod describe;
mod json;
mod list;
mod methods;

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tandem_access::Role;
use tandem_ambient::Ambient;
use tandem_bootstrap::{ClientConfig, InternalChannel, OnBehalfOf, Secret, internal_channel};
use tonic::client::Grpc;
use uuid::Uuid;

pub use describe::{code_name, describe};

use crate::connection::{Connection, ServiceName};
use crate::exit::Refused;
use crate::policy;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem call --list
  tandem call ListConversations
  tandem call SendMessage '{\"conversationId\":\"…\",\"contents\":[{\"text\":{\"text\":\"hello\"}}]}'
  echo '{\"query\":\"invoice\"}' | tandem call SearchMessages -
  tandem call WatchAiWork --max 1
  tandem call ListTenants --as service

Without --as the first role that may call the method is taken. A `requestId` that is left out is made, and told on
standard error. An error of the API ends with exit code 2.")]
pub struct CallArgs {
    /// The method: `SendMessage`, `ConversationService/SendMessage` or its full name
    #[arg(required_unless_present = "list")]
    method: Option<String>,

    /// The request as JSON; `-` reads it from standard input
    #[arg(default_value = "{}")]
    request: String,

    /// Show every method with its messages and the roles that may call it
    #[arg(long)]
    list: bool,

    /// Call as this role, with the data folder's token: agent, supervisor, admin, channel, ai, service
    #[arg(long = "as", value_name = "ROLE")]
    role: Option<Role>,

    /// Call with this token instead
    #[arg(long, env = "TANDEM_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// The tenant that a service's call is about; the data folder's when left out
    #[arg(long)]
    tenant: Option<Uuid>,

    /// Where to call: an address such as http://host:50051, or a service's name; found by the method when left out
    #[arg(long)]
    endpoint: Option<String>,

    /// Seconds that the call may take; streams go on without end when left out
    #[arg(long, value_name = "S")]
    deadline: Option<f64>,

    /// End a stream after this many answers
    #[arg(long, value_name = "N")]
    max: Option<usize>,

    /// The data folder of `tandem up`
    #[arg(long, env = "TANDEM_DATA", default_value = ".tandem", value_name = "DIR")]
    data: PathBuf,
}

/// Runs the command.
pub async fn run(args: CallArgs) -> Result<()> {
    if args.list {
        return list::print(&mut std::io::stdout().lock());
    }
    let name = args.method.as_deref().ok_or_else(|| anyhow!("name a method"))?;
    let method = methods::resolve(name)?;
    if method.is_client_streaming() {
        bail!("{} takes a stream of requests, which this command can't send", method.full_name());
    }
    let mut request = json::parse(&request_text(&args.request)?, &method.input())?;
    if let Some(id) = json::fill_request_id(&mut request, &Ambient::system()) {
        eprintln!("requestId: {id}");
    }
    let target = Target::of(&args, &method)?;
    let mut request = tonic::Request::new(request);
    if let Some(seconds) = args.deadline {
        request.set_timeout(
            Duration::try_from_secs_f64(seconds).context("--deadline must be a number of seconds")?,
        );
    }
    if let Some(tenant) = target.on_behalf_of {
        request.extensions_mut().insert(OnBehalfOf(tenant));
    }
    if method.is_server_streaming() {
        stream(target.channel, &method, request, args.max).await
    } else {
        unary(target.channel, &method, request).await
    }
}

fn request_text(argument: &str) -> Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the request from standard input")?;
    Ok(text)
}

/// Where the call goes, and as whom.
struct Target {
    channel: InternalChannel,
    on_behalf_of: Option<Uuid>,
}

impl Target {
    fn of(args: &CallArgs, method: &MethodDescriptor) -> Result<Self> {
        // A call with its own address and token needs no running `tandem up`.
        let connection = Connection::load(&args.data);
        let connection = || connection.as_ref().map_err(|error| anyhow!("{error:#}"));
        let endpoint = match args.endpoint.as_deref() {
            Some(address) if address.contains("://") => address.to_owned(),
            Some(service) => {
                let known = ServiceName::ALL.into_iter().find(|known| known.as_str() == service);
                let known =
                    known.ok_or_else(|| anyhow!("--endpoint must be an address or a service's name"))?;
                connection()?.service(known)?.grpc.clone()
            }
            None => {
                let service = methods::service_of(method).ok_or_else(|| {
                    anyhow!("every service has {}: say which one with --endpoint", method.full_name())
                })?;
                connection()?.service(service)?.grpc.clone()
            }
        };
        let path = methods::path(method);
        let role = args.role.or_else(|| policy::first_role(&path));
        let token = match (&args.token, role) {
            (Some(token), _) => token.clone(),
            (None, Some(role)) => connection()?.token(role)?.to_owned(),
            (None, None) => bail!("say as whom to call, with --as or --token"),
        };
        // Only a service's token says for whom it calls; all others name their tenant themselves.
        let of_tenant = args.token.is_none() && role == Some(Role::Service) && policy::needs_tenant(&path);
        let on_behalf_of = match args.tenant {
            None if of_tenant => Some(connection()?.tenant),
            given => given,
        };
        let config = ClientConfig { endpoint, token: Secret::new(token), ..ClientConfig::default() };
        Ok(Self { channel: internal_channel(&config)?, on_behalf_of })
    }
}

async fn unary(
    channel: InternalChannel,
    method: &MethodDescriptor,
    request: tonic::Request<DynamicMessage>,
) -> Result<()> {
    let mut client = client(channel).await?;
    let answer = client
        .unary(request, path(method)?, codec::DynamicCodec::new(method))
        .await
        .map_err(Refused::from)?;
    let pretty = std::io::stdout().is_terminal();
    print(&json::write(answer.get_ref(), pretty)?)
}

async fn stream(
    channel: InternalChannel,
    method: &MethodDescriptor,
    request: tonic::Request<DynamicMessage>,
    max: Option<usize>,
) -> Result<()> {
    let mut client = client(channel).await?;
    let codec = codec::DynamicCodec::new(method);
    let mut answers =
        client.server_streaming(request, path(method)?, codec).await.map_err(Refused::from)?.into_inner();
    let mut printed = 0;
    while max.is_none_or(|max| printed < max) {
        let Some(answer) = answers.message().await.map_err(Refused::from)? else { break };
        print(&json::write(&answer, false)?)?;
        printed += 1;
    }
    Ok(())
}

async fn client(channel: InternalChannel) -> Result<Grpc<InternalChannel>> {
    let mut client = Grpc::new(channel).max_decoding_message_size(64 << 20);
    client.ready().await.map_err(|error| anyhow!("cannot reach the service: {error}"))?;
    Ok(client)
}

fn path(method: &MethodDescriptor) -> Result<PathAndQuery> {
    Ok(PathAndQuery::try_from(methods::path(method))?)
}

/// One result.
fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
