use std::collections::HashSet;
use std::ops::Range;

use tandem_ambient::Ambient;
use tandem_proto::conversation::v1::{GetConversationRequest, IngestMessagesRequest, ingest_result};

use super::adapter::Deliveries;
use super::pacing::Pacing;
use super::parts;
use super::plan::{Script, Step};
use super::refusal::Refusal;
use super::report::{Fate, Tally};
use super::request_ids;
use super::stage::Stage;
use crate::gateway::{Caller, request, retried};

/// How many items one ingest call may have.
const MAX_ITEMS: usize = 500;

/// Plays conversations through the public API.
#[derive(Debug)]
pub struct Player<'a> {
    pub stage: &'a Stage,
    pub deliveries: &'a Deliveries,
    pub ambient: &'a Ambient,
    /// How many times faster than the source; `None` waits for nothing.
    pub pace: Option<f64>,
}

/// A customer's tags that were put on, so that each is put on once.
pub type TagsPut = HashSet<String>;

/// One conversation while it is played. Everything in it comes from answers to its own calls: what the conversation is
/// *now* may be the end of an earlier run, or a later conversation of the same contact.
pub(super) struct Play<'a> {
    pub(super) player: &'a Player<'a>,
    pub(super) script: &'a Script,
    pub(super) agent: Option<&'a Caller>,
    pub(super) conversation_id: String,
    pub(super) epoch: i64,
    /// The position of a customer message that nobody has answered; 0 for none.
    pub(super) unanswered: i64,
    /// Names the change that made the conversation.
    pub(super) change_token: String,
    pub(super) customer_id: String,
    /// Replies of an earlier run that need no waiting for.
    pub(super) settled: HashSet<String>,
    pub(super) pacing: Pacing,
    pub(super) tally: Tally,
}

impl Player<'_> {
    /// Plays one conversation to its end. A refused message leaves the others be; any other refusal ends it, and is
    /// answered with what was done until then.
    pub async fn play(&self, script: &Script, tags: &mut TagsPut) -> (Tally, Result<(), Refusal>) {
        let mut play = Play {
            player: self,
            script,
            agent: self.stage.agent(script.source.agent_id.as_ref()).ok(),
            conversation_id: String::new(),
            epoch: 0,
            unanswered: 0,
            change_token: String::new(),
            customer_id: String::new(),
            settled: HashSet::new(),
            pacing: Pacing::new(self.pace),
            tally: Tally::default(),
        };
        let outcome = play.run(tags).await;
        if let Err(refusal) = &outcome {
            play.tally.conversation = Fate::Refused;
            let left = script.source.messages.len().saturating_sub(play.tally.handled());
            play.tally.refuse(left, &refusal.to_string());
        }
        (play.tally, outcome)
    }
}

impl Play<'_> {
    async fn run(&mut self, tags: &mut TagsPut) -> Result<(), Refusal> {
        for (index, step) in self.script.steps.iter().enumerate() {
            match step {
                Step::Ingest(run) => self.ingest(run.clone()).await?,
                Step::Start(run) => self.start(index, run.clone()).await?,
                Step::Answer(run) => self.send(index, "answer", run.clone()).await?,
                Step::Reply(run) => self.send(index, "reply", run.clone()).await?,
                Step::HandOff(run) => self.hand_off(index, run.clone()).await?,
                Step::TakeOver => self.take_over(index).await?,
                Step::Release => self.release(index).await?,
            }
        }
        if self.conversation_id.is_empty() {
            return Err(Refusal::new("every message was refused"));
        }
        self.label().await?;
        self.tag(tags).await?;
        self.close().await
    }

    /// One call for the customer's messages in a row, or one for each when they come at their own pace.
    async fn ingest(&mut self, run: Range<usize>) -> Result<(), Refusal> {
        let size = if self.player.pace.is_some() { 1 } else { MAX_ITEMS };
        for start in run.clone().step_by(size) {
            self.pacing.wait(self.script.source.messages[start].at_offset_ms).await;
            self.ingest_piece(start..run.end.min(start + size)).await?;
        }
        Ok(())
    }

    async fn ingest_piece(&mut self, run: Range<usize>) -> Result<(), Refusal> {
        let source = &self.script.source;
        let now = parts::timestamp(self.player.ambient.now());
        let messages = &source.messages[run];
        let ingest = IngestMessagesRequest {
            channel_id: self.player.stage.channel(source.channel).to_owned(),
            items: messages.iter().map(|message| parts::item(source, message, now)).collect(),
        };
        let adapter = &self.player.stage.adapter;
        let call = || async { adapter.ingest().ingest_messages(request(ingest.clone())).await };
        let answer = retried(call).await.map_err(|status| Refusal::of("IngestMessages", &status))?;
        let (mut replayed, first) = (true, self.conversation_id.is_empty());
        for result in answer.results {
            match result.outcome {
                Some(ingest_result::Outcome::Stored(stored)) => {
                    if self.conversation_id.is_empty() {
                        self.conversation_id = stored.conversation_id;
                    } else if self.conversation_id != stored.conversation_id {
                        return Err(Refusal::new("a message came into another conversation"));
                    }
                    replayed &= stored.replayed;
                    self.unanswered = stored.position;
                    self.tally.count(1, stored.replayed);
                }
                Some(ingest_result::Outcome::Refused(refused)) => {
                    self.tally.refuse(1, &Refusal::item(&refused).to_string());
                }
                None => return Err(Refusal::new("the service answered an item with nothing")),
            }
        }
        self.pacing.passed(replayed, messages);
        if first && !self.conversation_id.is_empty() {
            self.change_token = answer.change_token;
            self.look().await?;
        }
        Ok(())
    }

    /// Learns what no answer to an ingest says: the epoch and the customer.
    pub(super) async fn look(&mut self) -> Result<(), Refusal> {
        let stage = self.player.stage;
        let get = GetConversationRequest {
            conversation_id: self.conversation_id.clone(),
            at_least_as_fresh: Vec::new(),
        };
        let call = || async { stage.supervisor.conversations().get_conversation(request(get.clone())).await };
        let answer = retried(call).await.map_err(|status| Refusal::of("GetConversation", &status))?;
        let conversation = answer.row.unwrap_or_default().conversation.unwrap_or_default();
        self.customer_id = conversation.customer_id;
        self.epoch = conversation.epoch;
        if stage.is_older(conversation.create_time) {
            self.tally.conversation = Fate::Replayed;
            let messages = parts::messages(&stage.supervisor, &self.conversation_id)
                .await
                .map_err(|status| Refusal::of("ListMessages", &status))?;
            self.settled = messages.into_iter().filter(parts::is_settled).map(|message| message.id).collect();
        }
        Ok(())
    }

    pub(super) fn agent(&self) -> Result<&Caller, Refusal> {
        self.agent.ok_or_else(|| Refusal::new("the plan named no agent for it"))
    }

    pub(super) fn request_id(&self, step: usize, verb: &str) -> String {
        request_ids::of_step(&self.script.source.conversation_id, step, verb).to_string()
    }
}
