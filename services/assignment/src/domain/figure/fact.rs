use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::class_of;
use crate::domain::kinds::{ActorKind, Cause, FigureKind, HandOffReason, HolderKind, Status};
use crate::domain::model::{HolderChange, Response, StatusChange};

/// Something that figures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    pub tenant_id: Uuid,
    /// The entry of the timeline, or the message.
    pub source_id: Uuid,
    pub kind: FigureKind,
    pub conversation_id: Uuid,
    /// Under which it happened; 0 when that is not known.
    pub epoch: i64,
    pub day: NaiveDate,
    pub channel_id: Uuid,
    /// Of responses and closes the store finds it, once the changes of holder are known.
    pub team_id: Option<Uuid>,
    pub agent_id: Option<Uuid>,
    pub ai: bool,
    /// Of a response the class of its time, of a hand-off the reason; of a close the store finds whether the AI had handled it
    /// alone.
    pub class: i16,
}

/// What a change of holder counts as: a start or a hand-off, if anything.
pub fn of_holder_change(change: &HolderChange) -> Option<Fact> {
    let (kind, class) = match change.cause {
        Cause::Started => (FigureKind::Started, 0),
        Cause::HandOff => (FigureKind::HandedOff, change.hand_off_reason.map_or(0, HandOffReason::number)),
        _ => return None,
    };
    Some(Fact {
        tenant_id: change.tenant_id,
        source_id: change.entry_id,
        kind,
        conversation_id: change.conversation_id,
        epoch: change.epoch,
        day: day(change.at),
        channel_id: change.channel_id,
        team_id: change.to.id.filter(|_| change.to.kind == HolderKind::Team),
        agent_id: change.to.agent_id(),
        ai: false,
        class,
    })
}

/// What a change of status counts as: a close or a reopening, if anything.
pub fn of_status(change: &StatusChange) -> Option<Fact> {
    let kind = match (change.from, change.to) {
        (_, Status::Closed) => FigureKind::Closed,
        (Status::Closed, _) => FigureKind::Reopened,
        _ => return None,
    };
    Some(Fact {
        tenant_id: change.tenant_id,
        source_id: change.entry_id,
        kind,
        conversation_id: change.conversation_id,
        epoch: change.epoch,
        day: day(change.at),
        channel_id: change.channel_id,
        team_id: None,
        agent_id: change.actor.agent_id(),
        ai: change.actor.kind == ActorKind::Ai,
        class: 0,
    })
}

/// What a reply counts as for which the customer waited.
pub fn of_response(response: &Response) -> impl Iterator<Item = Fact> {
    let fact = Fact {
        tenant_id: response.tenant_id,
        source_id: response.message_id,
        kind: FigureKind::Response,
        conversation_id: response.conversation_id,
        epoch: response.epoch,
        day: day(response.at),
        channel_id: response.channel_id,
        team_id: None,
        agent_id: response.actor.agent_id(),
        ai: response.actor.kind == ActorKind::Ai,
        class: class_of(response.at - response.waited_since),
    };
    let first = response.first.then_some(Fact { kind: FigureKind::FirstResponse, ..fact });
    std::iter::once(fact).chain(first)
}

fn day(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive()
}
