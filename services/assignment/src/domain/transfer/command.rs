use tandem_request_log::Request;
use uuid::Uuid;

use crate::domain::kinds::{Cause, HandOffReason, Priority};
use crate::domain::model::{Actor, Holder};

/// What every change of holder says.
#[derive(Debug, Clone)]
pub struct Command {
    /// The request id, and the hash of the body and of who sent it.
    pub request: Request,
    pub conversation_id: Uuid,
    /// The epoch that the caller decided on; 0 for none.
    pub expected_epoch: i64,
    /// Takes it from another person; only where the caller's role allows it.
    pub force: bool,
}

/// What conversation is asked to do.
#[derive(Debug, Clone)]
pub struct Transfer {
    pub request_id: Uuid,
    pub conversation_id: Uuid,
    pub to: Holder,
    pub cause: Cause,
    pub actor: Actor,
    pub note: String,
    pub priority: Option<Priority>,
    pub hand_off_reason: Option<HandOffReason>,
    pub hand_off_summary: String,
    /// The AI's last messages, each as the API encodes it: conversation knows what they may say.
    pub last_contents: Vec<Vec<u8>>,
    pub answers_position: i64,
    pub force: bool,
    /// Labels that are put on with it.
    pub add_label_ids: Vec<Uuid>,
    /// What the AI suggests of who takes it; empty where it says nothing.
    pub hand_off_skill: String,
    pub hand_off_language: String,
    /// It was chosen because it waits in a queue.
    pub from_queue: bool,
}

impl Transfer {
    pub fn new(command: &Command, to: Holder, cause: Cause, actor: Actor) -> Self {
        Self {
            request_id: command.request.request_id,
            conversation_id: command.conversation_id,
            to,
            cause,
            actor,
            note: String::new(),
            priority: None,
            hand_off_reason: None,
            hand_off_summary: String::new(),
            last_contents: Vec::new(),
            answers_position: 0,
            force: command.force,
            add_label_ids: Vec::new(),
            hand_off_skill: String::new(),
            hand_off_language: String::new(),
            from_queue: false,
        }
    }
}
