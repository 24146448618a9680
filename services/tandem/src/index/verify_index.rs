//! `tandem verify-index`: has the search service compare its indexes with the databases.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use sqlx::PgConnection;
use tandem_search::operate::{Verification, rebuild, verification, want_verification};
use tokio::time::Instant;

use super::database::{IndexArgs, told};
use super::reindex;
use crate::progress::Progress;

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(300);
/// After this long without a step, that is said.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem verify-index
  tandem verify-index messages --repair
  TANDEM_SEARCH_DATABASE_URL=postgres://… tandem verify-index

The search service does the work, while everything goes on: it reads every message and every customer from their databases, and
compares each with its document; documents that nothing stands behind are found by counting. What changes meanwhile is not taken
for wrong. search.rebuild_share says how much of its time the service gives to it. Ending this command ends nothing; called again,
it shows how far the verification is that runs. With --repair an index that is not right is rebuilt beside the live one.")]
pub struct VerifyArgs {
    #[command(flatten)]
    index: IndexArgs,

    /// Have an index that is not right built anew
    #[arg(long)]
    repair: bool,
}

/// Runs the command.
pub async fn run(args: VerifyArgs) -> Result<()> {
    let mut database = args.index.open().await?;
    let mut asked = Vec::new();
    for name in args.index.indexes() {
        if want_verification(&mut database, name, args.repair).await.map_err(told)? {
            asked.push(name);
        } else {
            println!("{name}: nothing is indexed yet");
        }
    }
    let mut wrong = 0;
    for name in asked {
        let before =
            rebuild(&mut database, name).await.map_err(told)?.context("the index is not known any more")?;
        let found = wait(&mut database, name).await?;
        println!("{name}: {}", describe(&found));
        for example in &found.examples {
            println!("  {example}");
        }
        if found.wrong() > 0 && found.repair {
            let documents = reindex::wait(&mut database, name, before).await?;
            println!("{name}: rebuilt, {documents} documents looked at");
        } else {
            wrong += found.wrong();
        }
    }
    if wrong > 0 {
        bail!("{wrong} documents are not as they should be; --repair has the index built anew");
    }
    Ok(())
}

/// Waits until the verification has ended.
async fn wait(database: &mut PgConnection, name: &'static str) -> Result<Verification> {
    let progress = Progress::new();
    let (mut shown, mut begun, mut told_so) = (0, false, false);
    let mut stepped = Instant::now();
    loop {
        let now = verification(database, name).await.map_err(told)?.context("nobody asks for it any more")?;
        if now.ended {
            progress.end();
            return Ok(now);
        }
        // The counts of the one before stand until this one begins.
        if now.begun_seq.is_some() {
            if !begun {
                begun = true;
                progress.begin(name, usize::try_from(now.documents_of).unwrap_or_default());
            }
            if now.documents > shown {
                progress.add(usize::try_from(now.documents - shown).unwrap_or_default());
                (shown, stepped) = (now.documents, Instant::now());
            }
        }
        if !told_so && stepped.elapsed() > PATIENCE {
            told_so = true;
            progress.say("no step for half a minute: is the search service running, and does its index follow? `tandem doctor` looks");
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn describe(found: &Verification) -> String {
    let mut text = format!("{} documents compared", found.documents);
    let parts = [
        (found.missing, "missing"),
        (found.different, "different"),
        (found.surplus, "too many"),
        (found.set_aside, "set aside, since the engine refused them"),
        (found.unsettled, "not settled, since they changed again and again"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    text.push_str(": ");
    text.push_str(&if parts.is_empty() {
        "all as the database has them".to_owned()
    } else {
        parts.join(", ")
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told() {
        let fine = Verification { documents: 7, ..Verification::default() };
        assert_eq!(describe(&fine), "7 documents compared: all as the database has them");
        let wrong = Verification { documents: 7, missing: 1, surplus: 2, ..Verification::default() };
        assert_eq!(describe(&wrong), "7 documents compared: 1 missing, 2 too many");
    }
}
