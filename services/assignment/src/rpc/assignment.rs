use prost::Message;
use tandem_access::{Caller, caller};
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::conversation::v1::TransferHolderResponse;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{convert, parse};
use crate::domain::check::is_text;
use crate::domain::kinds::{HandOffReason, Priority};
use crate::domain::transfer::Command;
use crate::domain::{App, history, transfer};

pub struct Assignment {
    pub app: App,
}

#[tonic::async_trait]
impl AssignmentService for Assignment {
    async fn take_over(
        &self,
        request: Request<proto::TakeOverRequest>,
    ) -> Result<Response<proto::TakeOverResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::take_over(&self.app, caller, take_over(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::TakeOverResponse { conversation, change_token }))
    }

    async fn assign(
        &self,
        request: Request<proto::AssignRequest>,
    ) -> Result<Response<proto::AssignResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::assign(&self.app, caller, assign(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::AssignResponse { conversation, change_token }))
    }

    async fn hand_off(
        &self,
        request: Request<proto::HandOffRequest>,
    ) -> Result<Response<proto::HandOffResponse>, Status> {
        let command = hand_off(caller(&request)?, request.get_ref())?;
        let answer = transfer::hand_off(&self.app, command).await?;
        let TransferHolderResponse { conversation, messages, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::HandOffResponse { conversation, messages, change_token }))
    }

    async fn release(
        &self,
        request: Request<proto::ReleaseRequest>,
    ) -> Result<Response<proto::ReleaseResponse>, Status> {
        let caller = caller(&request)?;
        let answer = transfer::release(&self.app, caller, release(caller, request.get_ref())?).await?;
        let TransferHolderResponse { conversation, change_token, .. } = decode(&answer)?;
        Ok(Response::new(proto::ReleaseResponse { conversation, change_token }))
    }

    async fn list_holder_history(
        &self,
        request: Request<proto::ListHolderHistoryRequest>,
    ) -> Result<Response<proto::ListHolderHistoryResponse>, Status> {
        let mut violations = Violations::new();
        let message = request.get_ref();
        let id = parse::id(&mut violations, "conversation_id", &message.conversation_id);
        violations.finish()?;
        let history = history::list(&self.app, caller(&request)?, id, &message.at_least_as_fresh).await?;
        Ok(Response::new(proto::ListHolderHistoryResponse { entries: convert::history(history) }))
    }
}

fn decode(answer: &[u8]) -> Result<TransferHolderResponse, Fault> {
    TransferHolderResponse::decode(answer).map_err(Fault::internal)
}

/// What every change of holder says; a violation leaves it unused.
struct Parsed {
    violations: Violations,
    request_id: Uuid,
    conversation_id: Uuid,
    expected_epoch: i64,
}

impl Parsed {
    fn new(request_id: &str, conversation_id: &str, expected_epoch: i64) -> Self {
        let mut violations = Violations::new();
        let request_id = parse::id(&mut violations, "request_id", request_id);
        let conversation_id = parse::id(&mut violations, "conversation_id", conversation_id);
        violations.check(expected_epoch >= 0, "expected_epoch", "must not be negative");
        Self { violations, request_id, conversation_id, expected_epoch }
    }

    fn note(&mut self, note: &str) {
        self.violations.check(is_text(note, 2_000), "note", "must be at most 2,000 characters, no NUL");
    }

    /// The command, unless something was wrong. `body` has id and fence cleared. Who asks counts as part of it: the first
    /// answer is not for another caller who happens on the id.
    fn finish(
        self,
        caller: &Caller,
        scope: &'static str,
        body: &impl Message,
        force: bool,
    ) -> Result<Command, Fault> {
        self.violations.finish()?;
        let mut bytes = body.encode_length_delimited_to_vec();
        bytes.extend_from_slice(caller.subject.as_bytes());
        Ok(Command {
            request: tandem_request_log::Request::new(caller.tenant()?, scope, self.request_id, &bytes),
            conversation_id: self.conversation_id,
            expected_epoch: self.expected_epoch,
            force,
        })
    }
}

fn take_over(caller: &Caller, message: &proto::TakeOverRequest) -> Result<transfer::TakeOver, Fault> {
    let mut parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    parsed.note(&message.note);
    let body = proto::TakeOverRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "TakeOver", &body, message.force)?;
    Ok(transfer::TakeOver { command, note: message.note.clone() })
}

fn assign(caller: &Caller, message: &proto::AssignRequest) -> Result<transfer::Assign, Fault> {
    let mut parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    parsed.note(&message.note);
    let violations = &mut parsed.violations;
    let assignee = match &message.assignee {
        Some(Assignee::AgentId(id)) => transfer::Assignee::Agent(parse::id(violations, "agent_id", id)),
        Some(Assignee::TeamId(id)) => transfer::Assignee::Team(parse::id(violations, "team_id", id)),
        None => {
            violations.add("assignee", "must be an agent or a team");
            transfer::Assignee::Team(Uuid::nil())
        }
    };
    let priority = Priority::from_number(message.priority);
    violations.check(message.priority == 0 || priority.is_some(), "priority", "must be a known priority");
    let body = proto::AssignRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "Assign", &body, message.force)?;
    Ok(transfer::Assign { command, assignee, note: message.note.clone(), priority })
}

fn hand_off(caller: &Caller, message: &proto::HandOffRequest) -> Result<transfer::HandOff, Fault> {
    let mut parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    let violations = &mut parsed.violations;
    if message.expected_epoch == 0 {
        violations.add("expected_epoch", "must be the epoch that the AI holds it under");
    }
    // The reasons after these are Tandem's own.
    let reason =
        HandOffReason::from_number(message.reason).filter(|reason| *reason <= HandOffReason::Sensitive);
    violations.check(reason.is_some(), "reason", "must be a reason that the AI can give");
    violations.check(is_text(&message.summary, 4_000), "summary", "must be at most 4,000 characters, no NUL");
    let team_id = parse::maybe_id(violations, "team_id", &message.team_id);
    violations.check(message.last_contents.len() <= 10, "last_contents", "must be at most 10");
    violations.check(message.answers_position >= 0, "answers_position", "must not be negative");
    let body = proto::HandOffRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "HandOff", &body, false)?;
    Ok(transfer::HandOff {
        command,
        reason: reason.unwrap_or(HandOffReason::CustomerAsked),
        summary: message.summary.clone(),
        team_id,
        last_contents: message.last_contents.iter().map(Message::encode_to_vec).collect(),
        answers_position: message.answers_position,
    })
}

fn release(caller: &Caller, message: &proto::ReleaseRequest) -> Result<transfer::Release, Fault> {
    let parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    let body = proto::ReleaseRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    Ok(transfer::Release { command: parsed.finish(caller, "Release", &body, message.force)? })
}
