//! `tandem migrate`: brings databases to the newest schema.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::connection::{Connection, ServiceName};
use crate::databases::DatabaseUrls;
use crate::suite::migrator;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  TANDEM_CONVERSATION_DATABASE_URL=postgres://… tandem migrate --service conversation
  tandem migrate --conversation-url postgres://… --assignment-url postgres://… --customer-profile-url postgres://… \\
      --search-url postgres://…

Services never migrate themselves: on a schema that they can't use they say that they are not ready. Several runs at once
wait for one another. A new schema works with the previous release's programs, so migrate first, then roll out.")]
pub struct MigrateArgs {
    /// Only these services; may be given several times
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<ServiceName>,

    #[command(flatten)]
    urls: DatabaseUrls,

    /// The data folder of `tandem up`, for the addresses that are not given
    #[arg(long, env = "TANDEM_DATA", default_value = ".tandem", value_name = "DIR")]
    data: PathBuf,
}

/// Runs the command.
pub async fn run(args: MigrateArgs) -> Result<()> {
    let connection = Connection::load(&args.data).ok();
    let services = if args.services.is_empty() { ServiceName::ALL.to_vec() } else { args.services };
    let mut urls = Vec::new();
    let mut unknown = Vec::new();
    for service in services {
        match args.urls.of(service, connection.as_ref()) {
            Some(url) => urls.push((service, url)),
            None => unknown.push(service.as_str()),
        }
    }
    if !unknown.is_empty() {
        bail!(
            "no database address of {}: give --{}-url, its variable, or choose with --service",
            unknown.join(", "),
            unknown[0]
        );
    }
    for (service, url) in urls {
        let ran = tandem_database::migrate(&url, migrator(service))
            .await
            .with_context(|| format!("cannot migrate the database of {service}"))?;
        println!("{service}: {ran} migrations");
    }
    Ok(())
}
