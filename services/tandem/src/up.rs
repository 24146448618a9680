//! `tandem up`: the suite on this machine, till Ctrl-C.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono::SecondsFormat;
use clap::Args;
use tandem_ambient::Ambient;
use tandem_bootstrap::{Drain, TelemetryConfig, init_telemetry};

use crate::connection::ServiceName;
use crate::progress::Progress;
use crate::replay::{Options, replay};
use crate::sample;
use crate::suite::{Suite, SuiteOptions};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem up
  tandem up --sample
  tandem up --data /tmp/tandem --ports 0 --no-demo
  MEILISEARCH_URL=http://127.0.0.1:7700 MEILISEARCH_KEY=… tandem up

Runs PostgreSQL (the installed one, in a cluster of its own), the search engine and the four services. A second start
keeps the data; Ctrl-C drains and ends everything, a second Ctrl-C ends at once. As root, PostgreSQL runs as the user
`postgres`. With MEILISEARCH_URL set that server is used instead of the development stand-in.")]
pub struct UpArgs {
    /// Keeps the database, the index, keys and logs
    #[arg(long, env = "TANDEM_DATA", default_value = ".tandem", value_name = "DIR")]
    data: PathBuf,

    /// The services listen on the four ports after this one, and for health 30 above these; 0 takes free ones
    #[arg(long, value_name = "BASE", default_value_t = 50050)]
    ports: u16,

    /// How many replicas of the conversation service run on its database; those after the first take free ports
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    conversations: u8,

    /// Make a demo tenant with channels, an agent and a supervisor (the default)
    #[arg(long, overrides_with = "no_demo")]
    demo: bool,

    /// Make no demo tenant
    #[arg(long)]
    no_demo: bool,

    /// Load the project's sample conversations
    #[arg(long, conflicts_with = "no_demo")]
    sample: bool,

    /// Do not wait for the disk: faster, but the data may not survive the machine's end
    #[arg(long)]
    no_fsync: bool,

    /// Which logs to show, such as `info` or `warn,tandem_search=debug`
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

/// Runs the command.
pub async fn run(args: UpArgs) -> Result<()> {
    let telemetry = init_telemetry(
        &TelemetryConfig { log_filter: args.log.clone(), ..TelemetryConfig::default() },
        "tandem",
    )?;
    let outcome = serve(&args).await;
    telemetry.shutdown(std::time::Duration::from_secs(5)).await;
    outcome
}

async fn serve(args: &UpArgs) -> Result<()> {
    let drain = Drain::on_signal().context("cannot watch for signals")?;
    let signalled = drain.signalled();
    let progress = Progress::new();
    let options = SuiteOptions {
        data: args.data.clone(),
        base_port: args.ports,
        demo: !args.no_demo,
        conversations: args.conversations,
        fsync: !args.no_fsync,
    };
    let mut suite = tokio::select! {
        suite = Suite::start(&options, drain, &progress) => suite?,
        () = signalled.cancelled() => bail!("stopped before it was ready"),
    };
    if args.sample {
        let play = Options::new(suite.connection().tenant);
        let loaded = tokio::select! {
            loaded = replay(suite.connection(), sample::conversations()?, &play, &progress) => Some(loaded),
            () = signalled.cancelled() => None,
        };
        match loaded {
            Some(Ok(outcome)) if outcome.is_clean() => progress.say("the sample is loaded"),
            Some(Ok(_)) => progress.say("the sample is not wholly loaded: `tandem sample` loads the rest"),
            Some(Err(error)) => progress.say(&format!("cannot load the sample: {error:#}")),
            None => {}
        }
    }
    if !signalled.is_cancelled() {
        println!("{}", welcome(&suite, args));
    }
    let ended = tokio::select! {
        ended = suite.until_one_ends() => ended,
        () = signalled.cancelled() => Ok(()),
    };
    progress.say("draining");
    let stopped = suite.stop().await;
    ended.and(stopped)
}

/// What somebody needs to begin.
fn welcome(suite: &Suite, args: &UpArgs) -> String {
    let connection = suite.connection();
    let mut lines = vec!["Tandem runs. Ctrl-C ends it.".to_owned(), String::new()];
    for service in ServiceName::ALL {
        if let Some(address) = connection.services.get(&service) {
            let admin = address.admin.as_deref().unwrap_or_default();
            lines.push(format!("  {:<18}{}   health {admin}", service.as_str(), address.grpc));
            lines.extend(address.replicas.iter().map(|grpc| format!("  {:<18}{grpc}", "")));
        }
    }
    lines.push(format!("  {:<18}{}", "tenant", connection.tenant));
    lines.push(format!("  {:<18}{}", "all of it", suite.data().connection().display()));
    if let (Some(token), Some(channel)) =
        (connection.tokens.get("agent"), connection.channels.get("web-chat"))
    {
        let data = if args.data.as_os_str() == ".tandem" {
            String::new()
        } else {
            format!(" --data {}", suite.data().root().display())
        };
        let now = Ambient::system().now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let message = format!(
            r#"{{"channelId":"{channel}","items":[{{"externalId":"hello-1","identities":[{{"kind":"IDENTITY_KIND_VISITOR_ID","value":"visitor-1","verified":true}}],"displayName":"Ada","sourceTime":"{now}","message":{{"content":{{"text":{{"text":"Hello, is anybody there?"}}}}}}}}]}}"#
        );
        lines.extend([
            String::new(),
            "A token of the agent Dana:".to_owned(),
            format!("  {token}"),
            String::new(),
            "A customer writes, the inbox shows it, and it is found:".to_owned(),
            format!("  tandem call IngestMessages{data} '{message}'"),
            format!("  tandem call ListConversations{data}"),
            format!("  tandem call SearchMessages{data} '{{\"query\":\"hello\"}}'"),
        ]);
    }
    lines.join("\n")
}
