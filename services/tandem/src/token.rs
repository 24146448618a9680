//! `tandem token`: a token of the data folder's key.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use tandem_access::Role;
use tandem_ambient::Ambient;
use uuid::Uuid;

use crate::connection::{Bearer, Connection};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem token --role agent --subject dana
  tandem token --role channel --subject my-adapter --channel 0190… --channel 0191…
  tandem token --role service --subject reports --ttl 600

The suite must trust the data folder's key, as the one that `tandem up` runs does. In production the business's own
identity provider makes the tokens.")]
pub struct TokenArgs {
    /// What the bearer may do; may be given several times: agent, supervisor, admin, channel, ai, service
    #[arg(long = "role", required = true)]
    roles: Vec<Role>,

    /// Whose token it is; an agent's subject decides which agent it is
    #[arg(long)]
    subject: String,

    /// The tenant; the data folder's when left out. A service has none
    #[arg(long)]
    tenant: Option<Uuid>,

    /// A channel that an adapter serves; may be given several times
    #[arg(long = "channel", visible_alias = "channels", value_delimiter = ',')]
    channels: Vec<Uuid>,

    /// Seconds that the token is good for
    #[arg(long, default_value_t = 3600)]
    ttl: u32,

    /// The data folder of `tandem up`
    #[arg(long, env = "TANDEM_DATA", default_value = ".tandem", value_name = "DIR")]
    data: PathBuf,
}

/// Runs the command.
pub fn run(args: TokenArgs) -> Result<()> {
    let connection = Connection::load(&args.data)?;
    let service = args.roles.contains(&Role::Service);
    if service && (args.tenant.is_some() || args.roles.len() > 1) {
        bail!(
            "a service's token names no tenant and has no other role: each of its calls says for whom it is"
        );
    }
    if !args.channels.is_empty() && !args.roles.contains(&Role::Channel) {
        bail!("--channel is for the role channel");
    }
    let tenant = (!service).then(|| args.tenant.unwrap_or(connection.tenant));
    let bearer = Bearer { subject: args.subject, tenant, roles: args.roles, channels: args.channels };
    println!("{}", connection.minter()?.mint(&bearer, args.ttl, Ambient::system().now()));
    Ok(())
}
