//! What the business says: starts, answers, replies, and the changes of holder between them.

use std::ops::Range;

use tandem_proto::assignment::v1::{HandOffRequest, ReleaseRequest, TakeOverRequest};
use tandem_proto::conversation::v1::{Conversation, Message, SendMessageRequest, StartConversationRequest};
use tandem_proto::r#type::v1::HandOffReason;
use tonic::Code;

use super::parts;
use super::player::Play;
use super::refusal::Refusal;
use crate::gateway::{request, retried};

impl Play<'_> {
    pub(super) async fn start(&mut self, index: usize, run: Range<usize>) -> Result<(), Refusal> {
        let source = &self.script.source;
        self.pacing.wait(source.messages[run.start].at_offset_ms).await;
        let start = StartConversationRequest {
            request_id: self.request_id(index, "start"),
            channel_id: self.player.stage.channel(source.channel).to_owned(),
            contact_id: String::new(),
            identities: parts::identities(source),
            display_name: source.customer.name.clone().unwrap_or_default(),
            contents: parts::contents(&source.messages[run.clone()]),
        };
        let agent = self.agent()?;
        let call = || async { agent.conversations().start_conversation(request(start.clone())).await };
        let answer = retried(call).await.map_err(|status| Refusal::of("StartConversation", &status))?;
        let conversation = answer.conversation.unwrap_or_default();
        self.conversation_id = conversation.id;
        self.change_token = answer.change_token;
        // The first answer to a repeated call is of then: what the conversation needs now comes from a look.
        self.look().await?;
        self.epoch = conversation.epoch;
        self.replied(run, &answer.messages).await
    }

    pub(super) async fn send(&mut self, index: usize, verb: &str, run: Range<usize>) -> Result<(), Refusal> {
        let source = &self.script.source;
        self.pacing.wait(source.messages[run.start].at_offset_ms).await;
        let ai = verb == "answer";
        let send = SendMessageRequest {
            request_id: self.request_id(index, verb),
            conversation_id: self.conversation_id.clone(),
            contents: parts::contents(&source.messages[run.clone()]),
            expected_epoch: self.epoch,
            answers_position: if ai { self.unanswered } else { 0 },
            ..SendMessageRequest::default()
        };
        let sender = if ai { &self.player.stage.ai } else { self.agent()? };
        let call = || async { sender.conversations().send_message(request(send.clone())).await };
        match retried(call).await {
            Ok(answer) => {
                self.epoch = epoch(answer.conversation.as_ref())?;
                self.replied(run, &answer.messages).await
            }
            // A text that the API does not take is the file's fault, and no reason to stop.
            Err(status) if status.code() == Code::InvalidArgument => {
                self.tally.refuse(run.len(), &Refusal::of("SendMessage", &status).to_string());
                Ok(())
            }
            Err(status) => Err(Refusal::of("SendMessage", &status)),
        }
    }

    pub(super) async fn hand_off(&mut self, index: usize, run: Range<usize>) -> Result<(), Refusal> {
        let source = &self.script.source;
        if let Some(first) = source.messages[run.clone()].first() {
            self.pacing.wait(first.at_offset_ms).await;
        }
        let hand_off = HandOffRequest {
            request_id: self.request_id(index, "hand-off"),
            conversation_id: self.conversation_id.clone(),
            expected_epoch: self.epoch,
            reason: HandOffReason::Complex.into(),
            summary: format!("handed off after {}", source.handoff_after.as_deref().unwrap_or_default()),
            team_id: self.player.stage.team.clone(),
            answers_position: if run.is_empty() { 0 } else { self.unanswered },
            last_contents: parts::contents(&source.messages[run.clone()]),
            ..HandOffRequest::default()
        };
        let ai = &self.player.stage.ai;
        let call = || async { ai.assignment().hand_off(request(hand_off.clone())).await };
        let answer = retried(call).await.map_err(|status| Refusal::of("HandOff", &status))?;
        self.epoch = epoch(answer.conversation.as_ref())?;
        self.replied(run, &answer.messages).await
    }

    pub(super) async fn take_over(&mut self, index: usize) -> Result<(), Refusal> {
        let take = TakeOverRequest {
            request_id: self.request_id(index, "take-over"),
            conversation_id: self.conversation_id.clone(),
            expected_epoch: self.epoch,
            force: false,
            note: String::new(),
        };
        let agent = self.agent()?;
        let call = || async { agent.assignment().take_over(request(take.clone())).await };
        let answer = retried(call).await.map_err(|status| Refusal::of("TakeOver", &status))?;
        self.epoch = epoch(answer.conversation.as_ref())?;
        Ok(())
    }

    pub(super) async fn release(&mut self, index: usize) -> Result<(), Refusal> {
        let release = ReleaseRequest {
            request_id: self.request_id(index, "release"),
            conversation_id: self.conversation_id.clone(),
            expected_epoch: self.epoch,
            force: false,
        };
        let agent = self.agent()?;
        let call = || async { agent.assignment().release(request(release.clone())).await };
        let answer = retried(call).await.map_err(|status| Refusal::of("Release", &status))?;
        self.epoch = epoch(answer.conversation.as_ref())?;
        Ok(())
    }

    /// Counts a reply's messages, and waits until each has left.
    async fn replied(&mut self, run: Range<usize>, messages: &[Message]) -> Result<(), Refusal> {
        if messages.len() != run.len() {
            return Err(Refusal::new("the service answered with another number of messages"));
        }
        if run.is_empty() {
            return Ok(());
        }
        self.unanswered = 0;
        let stage = self.player.stage;
        let mut replayed = true;
        for message in messages {
            let older = stage.is_older(message.store_time);
            replayed &= older;
            self.tally.count(1, older);
            if !self.settled.contains(&message.id) {
                parts::until_left(stage, self.player.deliveries, message).await?;
            }
        }
        let source = &self.script.source.messages;
        self.pacing.passed(replayed, &source[run]);
        Ok(())
    }
}

fn epoch(conversation: Option<&Conversation>) -> Result<i64, Refusal> {
    conversation
        .map(|conversation| conversation.epoch)
        .ok_or_else(|| Refusal::new("the answer has no conversation"))
}
