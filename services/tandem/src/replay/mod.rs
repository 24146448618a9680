//! `tandem replay`: plays conversations of files through the public API.
//!
//! [`source`] reads files, [`plan`] turns them into calls and [`compare`] judges, all without a suite; [`stage`] sets the
//! tenant up, [`player`] makes the calls, [`adapter`] carries replies out, [`verify`] reads everything back. To play
//! something more of a file, add a [`plan::Step`] and its call in `reply.rs`.

mod adapter;
mod compare;
mod finish;
mod pacing;
mod parts;
pub mod plan;
mod player;
mod refusal;
mod reply;
pub mod report;
pub(crate) mod request_ids;
pub mod source;
mod stage;
pub mod verify;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use futures::stream::{self, StreamExt};
use serde::Serialize;
use tandem_ambient::Ambient;
use uuid::Uuid;

use self::adapter::Adapter;
use self::plan::{Plan, Queue};
use self::player::{Player, TagsPut};
use self::report::{Fate, Report, Tally};
use self::source::SourceConversation;
use self::stage::Stage;
use self::verify::Verification;
use crate::connection::{Connection, SuiteArgs};
use crate::progress::Progress;

/// How many problems are told while it runs; the table counts all.
const TOLD: usize = 20;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem replay conversations.jsonl.gz
  tandem replay --verify a.jsonl b.jsonl.gz
  tandem replay --pace 10 conversations.jsonl.gz
  tandem replay --verify-only conversations.jsonl.gz

A file has one conversation a line, as JSON, gzip or plain. Every call has an id that follows from the file: a replay that
was stopped, however it ended, goes on when it is run again, and one that is through adds nothing.
Ends with exit code 1 when something was refused or differs.")]
pub struct ReplayArgs {
    /// Files of conversations
    #[arg(required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    how: HowArgs,
}

/// How to play, whatever is played.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// Keep the source's time between messages, this many times faster; as fast as it goes when left out
    #[arg(long, value_name = "X", value_parser = positive)]
    pace: Option<f64>,

    /// How many customers are played at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,

    /// Then compare everything with the files, message by message, through the API
    #[arg(long)]
    verify: bool,

    /// Play nothing, only compare
    #[arg(long, conflicts_with = "pace")]
    verify_only: bool,

    /// The tenant to play into; the data folder's when left out
    #[arg(long)]
    tenant: Option<Uuid>,

    #[command(flatten)]
    suite: SuiteArgs,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What to do with the conversations.
#[derive(Debug, Clone)]
pub struct Options {
    pub tenant: Uuid,
    /// How many times faster than the source; `None` waits for nothing.
    pub pace: Option<f64>,
    /// How many customers are played at once.
    pub concurrency: usize,
    pub play: bool,
    pub verify: bool,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

impl Options {
    /// As fast as it goes, without comparing.
    pub fn new(tenant: Uuid) -> Self {
        Self { tenant, pace: None, concurrency: 16, play: true, verify: false }
    }
}

impl Outcome {
    /// Nothing was refused, nothing differs.
    pub fn is_clean(&self) -> bool {
        self.report.as_ref().is_none_or(Report::is_clean)
            && self.verification.as_ref().is_none_or(|verification| verification.differences.is_empty())
    }
}

/// Runs the command.
pub async fn run(args: ReplayArgs) -> Result<()> {
    let mut conversations = Vec::new();
    for file in &args.files {
        conversations.extend(source::read_file(file)?);
    }
    play_as_asked(conversations, &args.how).await
}

/// Plays, prints the result, and fails when something was refused or differs.
pub async fn play_as_asked(conversations: Vec<SourceConversation>, how: &HowArgs) -> Result<()> {
    let connection = Connection::load(&how.suite.connection)?;
    let options = Options {
        tenant: how.tenant.unwrap_or(connection.tenant),
        pace: how.pace,
        concurrency: how.concurrency.into(),
        play: !how.verify_only,
        verify: how.verify || how.verify_only,
    };
    let outcome = replay(&connection, conversations, &options, &Progress::new()).await?;
    if how.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        if let Some(report) = &outcome.report {
            println!("{report}");
        }
        if let Some(verification) = &outcome.verification {
            println!("{verification}");
        }
    }
    if !outcome.is_clean() {
        bail!("something was refused or differs");
    }
    Ok(())
}

/// Plays conversations and compares them, as the options say.
///
/// # Errors
/// A suite that can't be reached or set up. What is refused while it plays is in the report instead.
pub async fn replay(
    connection: &Connection,
    conversations: Vec<SourceConversation>,
    options: &Options,
    progress: &Progress,
) -> Result<Outcome> {
    let ambient = Ambient::system();
    let plan = Plan::of(conversations);
    let stage = Stage::set(connection, options.tenant, &plan, &ambient).await?;
    let report =
        if options.play { Some(play(&stage, &plan, options, &ambient, progress).await) } else { None };
    let verification =
        if options.verify { Some(verify::verify(&stage, &plan, progress).await?) } else { None };
    Ok(Outcome { report, verification })
}

async fn play(
    stage: &Stage,
    plan: &Plan,
    options: &Options,
    ambient: &Ambient,
    progress: &Progress,
) -> Report {
    let begun = Instant::now();
    let mut report = Report::default();
    report.conversations.total = plan.conversations();
    report.messages.total = plan.messages();
    let mut told = 0;
    for refused in &plan.refused {
        report.refuse(refused.messages, refused.reason);
        tell(progress, &mut told, &refused.conversation_id, refused.reason);
    }
    let adapter = Adapter::start(&stage.adapter, &[&stage.whatsapp, &stage.web_chat]);
    let player = Player { stage, deliveries: &adapter.deliveries, ambient, pace: options.pace };
    progress.begin("replaying", plan.messages());
    let mut queues = stream::iter(plan.queues.iter().map(|queue| play_queue(&player, queue, progress)))
        .buffer_unordered(options.concurrency);
    while let Some(played) = queues.next().await {
        for (conversation_id, tally) in played {
            report.add(&tally);
            for reason in tally.refusals.keys() {
                tell(progress, &mut told, &conversation_id, reason);
            }
        }
    }
    drop(queues);
    adapter.stop().await;
    progress.end();
    report.finish(begun.elapsed());
    report
}

/// A customer's conversations one after the other. After one that was cut short the next would come into its middle, so
/// the rest is left for another run.
async fn play_queue(player: &Player<'_>, queue: &Queue, progress: &Progress) -> Vec<(String, Tally)> {
    let mut tags = TagsPut::new();
    let mut played = Vec::with_capacity(queue.scripts.len());
    let mut stopped = false;
    for script in &queue.scripts {
        let messages = script.source.messages.len();
        let tally = if stopped {
            let mut tally = Tally { conversation: Fate::Refused, ..Tally::default() };
            tally.refuse(messages, "an earlier conversation of the same customer was cut short");
            tally
        } else {
            let (tally, outcome) = player.play(script, &mut tags).await;
            stopped = outcome.is_err();
            tally
        };
        progress.add(messages);
        played.push((script.source.conversation_id.clone(), tally));
    }
    played
}

fn tell(progress: &Progress, told: &mut usize, conversation_id: &str, reason: &str) {
    *told += 1;
    match *told {
        ..=TOLD => progress.say(&format!("{conversation_id}: {reason}")),
        _ if *told == TOLD + 1 => progress.say("more is counted in the table"),
        _ => {}
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("must be greater than 0".to_owned()) }
}
