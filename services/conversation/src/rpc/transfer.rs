use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::transfer_service_server::TransferService;
use tandem_proto::r#type::v1 as shared;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, content, convert, parse};
use crate::domain::holder::transfer::{SCOPE, Transfer};
use crate::domain::kinds::{ActorKind, Cause, HandOffReason, HolderKind, Priority};
use crate::domain::model::{Actor, Holder};
use crate::domain::recorded::Outcome;

#[tonic::async_trait]
impl TransferService for Rpc {
    async fn transfer_holder(
        &self,
        request: Request<proto::TransferHolderRequest>,
    ) -> Result<Response<proto::TransferHolderResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let transfer = parse_transfer(&mut v, viewer.tenant_id, request);
        v.finish()?;
        let transfer = transfer.ok_or_else(|| Violations::new().into_fault())?;
        let outcome = self.domain.transfer(&viewer, transfer).await?;
        Ok(Response::new(answer(outcome)))
    }

    async fn resolve_transfer(
        &self,
        request: Request<proto::ResolveTransferRequest>,
    ) -> Result<Response<proto::ResolveTransferResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let request_id = parse::id(&mut v, "request_id", &request.request_id);
        v.finish()?;
        let outcome = self.domain.resolve_transfer(&viewer, request_id).await?;
        Ok(Response::new(proto::ResolveTransferResponse { answer: outcome.map(answer) }))
    }
}

fn answer(outcome: Outcome) -> proto::TransferHolderResponse {
    proto::TransferHolderResponse {
        conversation: Some(convert::full(outcome.row)),
        entry: outcome.entry.map(convert::entry),
        messages: convert::messages(outcome.messages),
        change_token: outcome.change_token,
    }
}

fn parse_transfer(
    v: &mut Violations,
    tenant_id: Uuid,
    request: proto::TransferHolderRequest,
) -> Option<Transfer> {
    let body =
        proto::TransferHolderRequest { request_id: String::new(), expected_epoch: 0, ..request.clone() };
    let named = parse::request(v, tenant_id, SCOPE, &request.request_id, &body);
    let conversation_id = parse::id(v, "conversation_id", &request.conversation_id);
    let cause = parse::kind(v, "cause", request.cause, Cause::from_number);
    let priority = parse::optional_kind(v, "priority", request.priority, Priority::from_number);
    let reason = request.hand_off_reason;
    let hand_off_reason = parse::optional_kind(v, "hand_off_reason", reason, HandOffReason::from_number);
    if cause == Some(Cause::HandOff) {
        v.check(reason != 0, "hand_off_reason", "must be set for a hand-off");
    }
    parse::text(v, "note", &request.note, 0..=2_000);
    parse::text(v, "hand_off_summary", &request.hand_off_summary, 0..=4_000);
    v.check(request.expected_epoch >= 0, "expected_epoch", "must not be negative");
    v.check(request.answers_position >= 0, "answers_position", "must not be negative");
    let last_contents = content::list(v, "last_contents", request.last_contents, 0);
    let add_label_ids = parse::ids(v, "add_label_ids", &request.add_label_ids, 20);
    parse::text(v, "hand_off_skill", &request.hand_off_skill, 0..=64);
    parse::text(v, "hand_off_language", &request.hand_off_language, 0..=35);
    let to = holder(v, request.to.unwrap_or_default());
    let actor = actor(v, request.actor.unwrap_or_default());
    Some(Transfer {
        request: named,
        conversation_id,
        expected_epoch: request.expected_epoch,
        to: to?,
        cause: cause?,
        actor: actor?,
        note: request.note,
        priority,
        hand_off_reason,
        hand_off_summary: request.hand_off_summary,
        last_contents,
        answers_position: request.answers_position,
        force: request.force,
        add_label_ids,
        hand_off_skill: request.hand_off_skill,
        hand_off_language: request.hand_off_language,
        from_queue: request.from_queue,
    })
}

fn holder(v: &mut Violations, from: shared::Holder) -> Option<Holder> {
    let kind = parse::kind(v, "to.kind", from.kind, HolderKind::from_number)?;
    let id = parse::optional_id(v, "to.id", &from.id);
    let named = matches!(kind, HolderKind::Agent | HolderKind::Team);
    v.check(named == id.is_some(), "to.id", "must be set for an agent or a team, and for these alone");
    Some(Holder { kind, id })
}

fn actor(v: &mut Violations, from: shared::Actor) -> Option<Actor> {
    let kind = parse::kind(v, "actor.kind", from.kind, ActorKind::from_number)?;
    let id = parse::optional_id(v, "actor.id", &from.id);
    v.check(
        (kind == ActorKind::Agent) == id.is_some(),
        "actor.id",
        "must be set for an agent, and for it alone",
    );
    Some(Actor { kind, id })
}
