//! `tandem reindex`: has the search service build its indexes anew beside the live ones.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use sqlx::PgConnection;
use tandem_search::operate::{Rebuild, rebuild, want_rebuild};
use tokio::time::Instant;

use super::database::{IndexArgs, told};
use crate::progress::Progress;

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(300);
/// After this long without anybody taking it up, that is said.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem reindex
  tandem reindex messages --no-wait
  TANDEM_SEARCH_DATABASE_URL=postgres://… tandem reindex

The search service does the work: it fills a fresh index beside the live one, follows what changes meanwhile into both, and swaps
them at the end; searches are answered all the time. Ending this command ends nothing; called again, it shows how far the rebuild
is that runs. search.rebuild_share says how much of its time the service gives to it.")]
pub struct ReindexArgs {
    #[command(flatten)]
    index: IndexArgs,

    /// Ask for it, and do not wait until it is done
    #[arg(long)]
    no_wait: bool,
}

/// Runs the command.
pub async fn run(args: ReindexArgs) -> Result<()> {
    let mut database = args.index.open().await?;
    let mut begun = Vec::new();
    for name in args.index.indexes() {
        match state(&mut database, name).await? {
            None => println!("{name}: nothing is indexed yet"),
            Some(state) => {
                if !state.running {
                    want_rebuild(&mut database, name).await.map_err(told)?;
                }
                begun.push((name, state));
            }
        }
    }
    for (name, before) in begun {
        if args.no_wait {
            println!("{name}: {}", if before.running { "is being rebuilt" } else { "will be rebuilt" });
        } else {
            let documents = wait(&mut database, name, before).await?;
            println!("{name}: rebuilt, {documents} documents looked at");
        }
    }
    Ok(())
}

async fn state(database: &mut PgConnection, name: &str) -> Result<Option<Rebuild>> {
    rebuild(database, name).await.map_err(told)
}

/// Waits until a rebuild has ended that had not `before`. How many documents it looked at.
pub async fn wait(database: &mut PgConnection, name: &'static str, before: Rebuild) -> Result<i64> {
    let progress = Progress::new();
    let asked = Instant::now();
    let (mut shown, mut begun, mut told_so) = (0, false, false);
    loop {
        let now = state(database, name).await?.context("the index is not known any more")?;
        if now.generation > before.generation {
            progress.end();
            return Ok(now.rebuilt);
        }
        if now.running && !begun {
            begun = true;
            progress.begin(name, usize::try_from(now.of).unwrap_or_default());
        }
        if begun && now.rebuilt > shown {
            progress.add(usize::try_from(now.rebuilt - shown).unwrap_or_default());
            shown = now.rebuilt;
        }
        if !begun && !told_so && asked.elapsed() > PATIENCE {
            told_so = true;
            progress.say("nobody has taken it up yet: is the search service running?");
        }
        tokio::time::sleep(LOOK).await;
    }
}
