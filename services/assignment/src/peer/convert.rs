use prost::Message;
use tandem_database::Result;
use tandem_fault::Fault;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::r#type::v1 as types;
use uuid::Uuid;

use crate::domain::model::{Actor, Holder};
use crate::domain::transfer::Transfer;

/// A transfer as conversation's API encodes it, without the fence. Written down before it is sent, so that a retry says
/// the same, whatever the directory says by then.
pub fn encode(transfer: &Transfer) -> Result<Vec<u8>> {
    let contents: Result<Vec<_>, _> =
        transfer.last_contents.iter().map(|content| proto::MessageContent::decode(&content[..])).collect();
    let message = proto::TransferHolderRequest {
        request_id: transfer.request_id.to_string(),
        conversation_id: transfer.conversation_id.to_string(),
        expected_epoch: 0,
        to: Some(holder(transfer.to)),
        cause: i32::from(transfer.cause.number()),
        actor: Some(actor(transfer.actor)),
        note: transfer.note.clone(),
        priority: transfer.priority.map_or(0, |priority| i32::from(priority.number())),
        hand_off_reason: transfer.hand_off_reason.map_or(0, |reason| i32::from(reason.number())),
        hand_off_summary: transfer.hand_off_summary.clone(),
        last_contents: contents.map_err(Fault::internal)?,
        answers_position: transfer.answers_position,
        force: transfer.force,
        add_label_ids: transfer.add_label_ids.iter().map(Uuid::to_string).collect(),
        hand_off_skill: transfer.hand_off_skill.clone(),
        hand_off_language: transfer.hand_off_language.clone(),
        from_queue: transfer.from_queue,
    };
    Ok(message.encode_to_vec())
}

/// A kept answer without what people wrote, of a conversation that was erased. `None` where there is nothing to take out.
pub fn without_words(answer: &[u8]) -> Option<Vec<u8>> {
    use proto::timeline_entry::Event;
    let before = proto::TransferHolderResponse::decode(answer).ok()?;
    let mut after = before.clone();
    if let Some(conversation) = &mut after.conversation {
        conversation.preview.clear();
        conversation.hand_off_summary.clear();
    }
    if let Some(Event::HolderChanged(changed)) = after.entry.as_mut().and_then(|entry| entry.event.as_mut()) {
        changed.note.clear();
        changed.hand_off_summary.clear();
        changed.hand_off_language.clear();
    }
    for message in &mut after.messages {
        message.content = None;
    }
    (after != before).then(|| after.encode_to_vec())
}

fn holder(holder: Holder) -> types::Holder {
    types::Holder { kind: holder.kind.number().into(), id: text(holder.id), name: String::new() }
}

fn actor(actor: Actor) -> types::Actor {
    types::Actor { kind: actor.kind.number().into(), id: text(actor.id), name: String::new() }
}

fn text(id: Option<Uuid>) -> String {
    id.map_or_else(String::new, |id| id.to_string())
}
