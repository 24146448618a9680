use tandem_request_log::Request;
use uuid::Uuid;

use super::carry_out::{begin_again, carry_out};
use super::reserve::{Taken, reserve};
use super::{Command, Result, Transfer};
use crate::domain::App;
use crate::domain::kinds::Cause;
use crate::domain::model::{Actor, Holder};

/// One conversation that an operation moves.
pub struct Moved {
    pub tenant_id: Uuid,
    /// Follows from the operation, the conversation and the epoch: nothing else is part of what is asked for, so that a
    /// repetition finds the first answer whatever the directory says by then.
    pub request_id: Uuid,
    pub conversation_id: Uuid,
    /// Moves it under this epoch alone.
    pub epoch: i64,
    pub to: Holder,
    pub actor: Actor,
    pub note: String,
    /// Above the agent's capacity.
    pub beyond: bool,
}

/// Gives a conversation on that a person holds under a known epoch. Answers conversation's first answer, encoded.
///
/// Errors: `NOT_FOUND` and `AGENT_INACTIVE` (who shall get it), `CAPACITY_FULL`, and conversation's.
pub async fn move_on(app: &App, moved: Moved) -> Result<Vec<u8>> {
    let command = Command {
        request: Request::new(moved.tenant_id, "Operation", moved.request_id, &[]),
        conversation_id: moved.conversation_id,
        expected_epoch: moved.epoch,
        // From a person who is not the actor; the epoch says that it is still the same one.
        force: true,
    };
    if let Some(begun) = begin_again(app, &command).await? {
        return carry_out(app, begun).await;
    }
    let taken = match moved.to.agent_id() {
        Some(agent_id) if moved.beyond => Taken::Beyond(agent_id),
        Some(agent_id) => Taken::Within(agent_id),
        None => Taken::Nothing,
    };
    let transfer = Transfer::new(&command, moved.to, Cause::Assign, moved.actor);
    let begun = reserve(app, &command, &Transfer { note: moved.note, ..transfer }, taken).await?;
    carry_out(app, begun).await
}
