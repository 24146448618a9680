//! `tandem doctor`: what is reachable, what is wrong, what to do.
//!
//! To add a check, push another [`Finding`] in `services.rs` or `database.rs`, with an advice.

mod database;
mod finding;
mod services;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use tandem_ambient::Ambient;

use self::finding::{Finding, State};
use crate::connection::{Connection, ServiceName};
use crate::databases::DatabaseUrls;
use crate::health;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem doctor
  tandem doctor --data /tmp/tandem
  TANDEM_CONVERSATION_DATABASE_URL=postgres://… MEILISEARCH_URL=http://… tandem doctor

Ends with exit code 0 when all is fine and 1 when something is wrong. Changes nothing.")]
pub struct DoctorArgs {
    #[command(flatten)]
    urls: DatabaseUrls,

    /// The data folder of `tandem up`, or a file such as its `connection.json`
    #[arg(long, env = "TANDEM_DATA", default_value = ".tandem", value_name = "PATH")]
    data: PathBuf,
}

/// Runs the command.
pub async fn run(args: DoctorArgs) -> Result<()> {
    let mut findings = Vec::new();
    let connection = match Connection::load(&args.data) {
        Ok(connection) => Some(connection),
        Err(error) => {
            findings.push(Finding::skipped("connection", format!("{error:#}")));
            None
        }
    };
    let ambient = Ambient::system();
    if let Some(connection) = &connection {
        findings.extend(services::check(connection, &ambient).await);
    }
    for service in ServiceName::ALL {
        match args.urls.of(service, connection.as_ref()) {
            Some(url) => findings.extend(database::check(service, &url, &ambient).await),
            None => findings.push(Finding::skipped(&format!("{service} database"), "no address is known")),
        }
    }
    findings.push(search_engine(connection.as_ref()).await);
    let mut wrong = 0;
    for finding in &findings {
        println!("{finding}");
        wrong += usize::from(finding.state == State::Wrong);
    }
    match wrong {
        0 if findings.iter().all(|finding| finding.state == State::Skipped) => {
            bail!("there was nothing to look at")
        }
        0 => Ok(()),
        1 => bail!("one thing is wrong"),
        wrong => bail!("{wrong} things are wrong"),
    }
}

async fn search_engine(connection: Option<&Connection>) -> Finding {
    let name = "search engine";
    let known = connection.and_then(|connection| connection.meilisearch.clone());
    let Some(address) = health::meilisearch_of_environment().or(known) else {
        return Finding::skipped(name, "no address is known: set MEILISEARCH_URL");
    };
    match health::meilisearch_version(&address).await {
        Ok(Some(version)) => judge_engine(&address.url, &version),
        Ok(None) => Finding::skipped(
            name,
            format!("{} answers; its version shows with the master key in MEILISEARCH_KEY", address.url),
        ),
        Err(problem) => Finding::wrong(
            name,
            format!("{} {problem}", address.url),
            "start it, or correct MEILISEARCH_URL and MEILISEARCH_KEY; until then searches answer UNAVAILABLE",
        ),
    }
}

/// The oldest engine that the settings and questions of search work on.
const OLDEST_ENGINE: (u32, u32) = (1, 15);

fn judge_engine(url: &str, version: &str) -> Finding {
    let (name, answers) = ("search engine", format!("{url} answers, version {version}"));
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST_ENGINE && major == OLDEST_ENGINE.0 => {
            Finding::fine(name, answers)
        }
        (Some(major), Some(_)) if major > OLDEST_ENGINE.0 => {
            Finding::wrong(name, answers, "this release knows Meilisearch 1.15 or newer of version 1")
        }
        _ => Finding::wrong(name, answers, "upgrade to Meilisearch 1.15 or newer of version 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_another_version_is_reported() {
        for (version, state) in [
            ("1.15.0", State::Fine),
            ("1.42.3", State::Fine),
            ("1.14.9", State::Wrong),
            ("0.30.1", State::Wrong),
            ("2.0.0", State::Wrong),
            ("nightly", State::Wrong),
        ] {
            assert_eq!(judge_engine("http://x", version).state, state, "{version}");
        }
    }
}
