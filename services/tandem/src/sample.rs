//! `tandem sample`: a few conversations of the project's own, played like any replay.

use anyhow::Result;
use clap::Args;

use crate::replay::source::{SourceConversation, read};
use crate::replay::{HowArgs, play_as_asked};

/// Written for this project; names, numbers and addresses are invented.
const FILES: [(&str, &str); 2] = [
    ("web-shop.jsonl", include_str!("../sample/web-shop.jsonl")),
    ("languages.jsonl", include_str!("../sample/languages.jsonl")),
];

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem sample
  tandem sample --verify
  tandem sample --pace 60

Loads a dozen short conversations in several languages. Loading them again changes nothing.")]
pub struct SampleArgs {
    #[command(flatten)]
    how: HowArgs,
}

/// Runs the command.
pub async fn run(args: SampleArgs) -> Result<()> {
    play_as_asked(conversations()?, &args.how).await
}

/// The sample's conversations.
pub fn conversations() -> Result<Vec<SourceConversation>> {
    let mut all = Vec::new();
    for (name, text) in FILES {
        all.extend(read(text.as_bytes(), name)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::replay::plan::{Plan, Step};

    #[test]
    fn the_sample_can_be_played_and_shows_everything() {
        let all = conversations().unwrap();
        assert!(all.len() >= 12);
        let ids: HashSet<_> = all.iter().flat_map(|one| &one.messages).map(|message| &message.id).collect();
        assert_eq!(ids.len(), all.iter().map(|one| one.messages.len()).sum::<usize>(), "ids are unique");
        let plan = Plan::of(all);
        assert_eq!(plan.refused, []);
        let steps: BTreeSet<&str> = plan
            .scripts()
            .flat_map(|script| &script.steps)
            .map(|step| match step {
                Step::Ingest(_) => "ingest",
                Step::Start(_) => "start",
                Step::Answer(_) => "answer",
                Step::Reply(_) => "reply",
                Step::HandOff(_) => "hand off",
                Step::TakeOver => "take over",
                Step::Release => "release",
            })
            .collect();
        assert_eq!(steps.len(), 7, "{steps:?}");
        assert!(plan.queues.iter().any(|queue| queue.scripts.len() > 1), "somebody comes back");
    }
}
