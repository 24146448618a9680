//! Changes of holder as they are asked for become commands of the domain.

use std::collections::{HashMap, HashSet};

use prost::Message;
use tandem_access::Caller;
use tandem_fault::{Fault, Violations};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::bulk_assign_request::Assignee as BulkAssignee;
use tandem_proto::assignment::v1::transfer_all_request::To;
use tandem_request_log::Request;
use uuid::Uuid;

use super::parse;
use crate::domain::check::{is_language, is_name, is_text};
use crate::domain::kinds::{HandOffReason, Priority};
use crate::domain::operation;
use crate::domain::transfer::{self, Command};

/// Conversations of one call.
const MOST: usize = 100;
/// Labels of one call.
const MOST_LABELS: usize = 20;

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

    /// The command, unless something was wrong. `body` has id and fence cleared.
    fn finish(
        self,
        caller: &Caller,
        scope: &'static str,
        body: &impl Message,
        force: bool,
    ) -> Result<Command, Fault> {
        self.violations.finish()?;
        Ok(Command {
            request: request(caller, scope, self.request_id, body)?,
            conversation_id: self.conversation_id,
            expected_epoch: self.expected_epoch,
            force,
        })
    }
}

/// A request whose body has id and fence cleared. Who asks counts as part of it: the first answer is not for another caller
/// who happens on the id.
fn request(
    caller: &Caller,
    scope: &'static str,
    request_id: Uuid,
    body: &impl Message,
) -> Result<Request, Fault> {
    let mut bytes = body.encode_length_delimited_to_vec();
    bytes.extend_from_slice(caller.subject.as_bytes());
    Ok(Request::new(caller.tenant()?, scope, request_id, &bytes))
}

fn note(violations: &mut Violations, note: &str) {
    violations.check(is_text(note, 2_000), "note", "must be at most 2,000 characters, no NUL");
}

/// To whom conversations are given, and how urgent they are then.
fn to_whom(
    violations: &mut Violations,
    assignee: Option<&Assignee>,
    priority: i32,
) -> (transfer::Assignee, Option<Priority>) {
    let assignee = match assignee {
        Some(Assignee::AgentId(id)) => transfer::Assignee::Agent(parse::id(violations, "agent_id", id)),
        Some(Assignee::TeamId(id)) => transfer::Assignee::Team(parse::id(violations, "team_id", id)),
        None => {
            violations.add("assignee", "must be an agent or a team");
            transfer::Assignee::Team(Uuid::nil())
        }
    };
    let known = Priority::from_number(priority);
    violations.check(priority == 0 || known.is_some(), "priority", "must be a known priority");
    (assignee, known)
}

/// Labels that are put on with a change, at most as many as a conversation may carry.
fn labels(violations: &mut Violations, ids: &[String]) -> Vec<Uuid> {
    violations.check(ids.len() <= MOST_LABELS, "add_label_ids", "must be at most 20");
    parse::ids(violations, "add_label_ids", &ids[..ids.len().min(MOST_LABELS)])
}

pub fn take_over(caller: &Caller, message: &proto::TakeOverRequest) -> Result<transfer::TakeOver, Fault> {
    let mut parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    note(&mut parsed.violations, &message.note);
    let body = proto::TakeOverRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "TakeOver", &body, message.force)?;
    Ok(transfer::TakeOver { command, note: message.note.clone() })
}

pub fn assign(caller: &Caller, message: &proto::AssignRequest) -> Result<transfer::Assign, Fault> {
    let mut parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    note(&mut parsed.violations, &message.note);
    let (assignee, priority) = to_whom(&mut parsed.violations, message.assignee.as_ref(), message.priority);
    let add_label_ids = labels(&mut parsed.violations, &message.add_label_ids);
    let body = proto::AssignRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "Assign", &body, message.force)?;
    Ok(transfer::Assign { command, assignee, note: message.note.clone(), priority, add_label_ids })
}

pub fn hand_off(caller: &Caller, message: &proto::HandOffRequest) -> Result<transfer::HandOff, Fault> {
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
    let skill_fits = message.skill.is_empty() || is_name(&message.skill, 64);
    violations.check(skill_fits, "skill", "must be at most 64 characters");
    let language_fits = message.language.is_empty() || is_language(&message.language);
    violations.check(language_fits, "language", "must be a BCP 47 tag");
    let body = proto::HandOffRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "HandOff", &body, false)?;
    Ok(transfer::HandOff {
        command,
        reason: reason.unwrap_or(HandOffReason::CustomerAsked),
        summary: message.summary.clone(),
        team_id,
        last_contents: message.last_contents.iter().map(Message::encode_to_vec).collect(),
        answers_position: message.answers_position,
        skill: message.skill.clone(),
        language: message.language.clone(),
    })
}

pub fn release(caller: &Caller, message: &proto::ReleaseRequest) -> Result<transfer::PutDown, Fault> {
    let parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    let body = proto::ReleaseRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "Release", &body, message.force)?;
    Ok(transfer::PutDown { command, note: String::new() })
}

pub fn unassign(caller: &Caller, message: &proto::UnassignRequest) -> Result<transfer::PutDown, Fault> {
    let mut parsed = Parsed::new(&message.request_id, &message.conversation_id, message.expected_epoch);
    note(&mut parsed.violations, &message.note);
    let body = proto::UnassignRequest { request_id: String::new(), expected_epoch: 0, ..message.clone() };
    let command = parsed.finish(caller, "Unassign", &body, message.force)?;
    Ok(transfer::PutDown { command, note: message.note.clone() })
}

pub fn claim_next(caller: &Caller, message: &proto::ClaimNextRequest) -> Result<transfer::ClaimNext, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let team_id = parse::maybe_id(&mut violations, "team_id", &message.team_id);
    violations.finish()?;
    let body = proto::ClaimNextRequest { request_id: String::new(), ..message.clone() };
    Ok(transfer::ClaimNext { request: request(caller, "ClaimNext", request_id, &body)?, team_id })
}

/// One assignment for each conversation, each under a request id that follows from the call's: repeating the call repeats
/// every one of them.
pub fn bulk_assign(
    caller: &Caller,
    message: &proto::BulkAssignRequest,
) -> Result<Vec<transfer::Assign>, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let count = message.conversation_ids.len();
    violations.check((1..=MOST).contains(&count), "conversation_ids", "must be 1 to 100");
    let ids = parse::ids(&mut violations, "conversation_ids", &message.conversation_ids);
    let named: Vec<&Uuid> = ids.iter().filter(|id| !id.is_nil()).collect();
    let once = named.iter().collect::<HashSet<_>>().len() == named.len();
    violations.check(once, "conversation_ids", "must be there once each");
    let epochs = expected_epochs(&mut violations, &ids, &message.expected_epochs);
    note(&mut violations, &message.note);
    let assignee = message.assignee.clone().map(|assignee| match assignee {
        BulkAssignee::AgentId(id) => Assignee::AgentId(id),
        BulkAssignee::TeamId(id) => Assignee::TeamId(id),
    });
    let (assignee, priority) = to_whom(&mut violations, assignee.as_ref(), message.priority);
    let add_label_ids = labels(&mut violations, &message.add_label_ids);
    violations.finish()?;
    let body = proto::BulkAssignRequest {
        request_id: String::new(),
        conversation_ids: Vec::new(),
        expected_epochs: HashMap::new(),
        ..message.clone()
    };
    let request = request(caller, "BulkAssign", request_id, &body)?;
    let one = |conversation_id: Uuid| transfer::Assign {
        command: Command {
            request: Request {
                request_id: Uuid::new_v5(&request_id, conversation_id.as_bytes()),
                ..request.clone()
            },
            conversation_id,
            expected_epoch: epochs.get(&conversation_id).copied().unwrap_or_default(),
            force: message.force,
        },
        assignee,
        note: message.note.clone(),
        priority,
        add_label_ids: add_label_ids.clone(),
    };
    Ok(ids.into_iter().map(one).collect())
}

fn expected_epochs(
    violations: &mut Violations,
    ids: &[Uuid],
    epochs: &HashMap<String, i64>,
) -> HashMap<Uuid, i64> {
    let mut expected = HashMap::new();
    let mut given: Vec<(&String, &i64)> = epochs.iter().collect();
    given.sort_unstable();
    for (text, epoch) in given {
        let field = format!("expected_epochs[{text}]");
        let id = text.parse().ok().filter(|id| ids.contains(id));
        violations.check(id.is_some(), &field, "must be of one of the conversations");
        violations.check(*epoch > 0, &field, "must be an epoch");
        expected.extend(id.map(|id| (id, *epoch)));
    }
    expected
}

pub fn transfer_all(
    caller: &Caller,
    message: &proto::TransferAllRequest,
) -> Result<operation::TransferAll, Fault> {
    let mut violations = Violations::new();
    let request_id = parse::id(&mut violations, "request_id", &message.request_id);
    let from_agent_id = parse::id(&mut violations, "from_agent_id", &message.from_agent_id);
    let to = match &message.to {
        Some(To::AgentId(id)) => {
            let id = parse::id(&mut violations, "agent_id", id);
            violations.check(id != from_agent_id || id.is_nil(), "agent_id", "must be another agent");
            transfer::Assignee::Agent(id)
        }
        Some(To::TeamId(id)) => transfer::Assignee::Team(parse::id(&mut violations, "team_id", id)),
        None => {
            violations.add("to", "must be an agent or a team");
            transfer::Assignee::Team(Uuid::nil())
        }
    };
    note(&mut violations, &message.note);
    violations.finish()?;
    let body = proto::TransferAllRequest { request_id: String::new(), ..message.clone() };
    let request = request(caller, "TransferAll", request_id, &body)?;
    let (note, force) = (message.note.clone(), message.force);
    Ok(operation::TransferAll { request, from_agent_id, to, note, force })
}
