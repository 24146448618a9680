use tandem_fault::{Fault, Violations};
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::ingest_item::Event as Wire;
use tandem_proto::conversation::v1::ingest_service_server::IngestService;
use tandem_proto::conversation::v1::{IngestMessagesRequest, IngestMessagesResponse};
use tandem_proto::r#type::v1::ErrorReason;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Rpc, content, parse};
use crate::domain::ingest::{Event, Incoming, Item, Reply, Stored};
use crate::domain::kinds::{DeliveryState, IdentityKind};
use crate::domain::model::Identity;

#[tonic::async_trait]
impl IngestService for Rpc {
    async fn ingest_messages(
        &self,
        request: Request<IngestMessagesRequest>,
    ) -> Result<Response<IngestMessagesResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        let mut violations = Violations::new();
        let channel_id = parse::id(&mut violations, "channel_id", &request.channel_id);
        violations.check((1..=500).contains(&request.items.len()), "items", "must be 1 to 500 items");
        violations.finish()?;
        let parsed: Vec<Result<Item, Fault>> =
            request.items.into_iter().map(|item| self.parse_item(channel_id, item)).collect();
        let ingested = self.domain.ingest_call(&viewer, channel_id, parsed).await?;
        Ok(Response::new(IngestMessagesResponse {
            results: ingested.outcomes.into_iter().map(result).collect(),
            change_token: self.domain.freshness.token(ingested.written),
        }))
    }

    async fn ingest_typing(
        &self,
        request: Request<proto::IngestTypingRequest>,
    ) -> Result<Response<proto::IngestTypingResponse>, Status> {
        let (viewer, request) = self.open(request).await?;
        self.customer_typing(viewer, request).await.map(Response::new)
    }
}

fn result(outcome: Result<Stored, Fault>) -> proto::IngestResult {
    use proto::ingest_result::Outcome;
    let outcome = match outcome {
        Ok(stored) => Outcome::Stored(proto::IngestStored {
            message_id: stored.message_id.map(|id| id.to_string()).unwrap_or_default(),
            conversation_id: stored.conversation_id.map(|id| id.to_string()).unwrap_or_default(),
            position: stored.position,
            replayed: stored.replayed,
        }),
        Err(fault) => Outcome::Refused(proto::IngestRefused {
            reason: ErrorReason::named(fault.reason.as_str()).into(),
            message: fault.message,
            violations: fault
                .violations
                .into_iter()
                .map(|violation| proto::IngestViolation {
                    field: violation.field,
                    description: violation.description,
                })
                .collect(),
        }),
    };
    proto::IngestResult { outcome: Some(outcome) }
}

impl Rpc {
    /// One item, with everything that is wrong with it.
    fn parse_item(&self, channel_id: Uuid, item: proto::IngestItem) -> Result<Item, Fault> {
        let mut v = Violations::new();
        let now = self.domain.ambient.now();
        bytes(&mut v, "external_id", &item.external_id, 1);
        parse::text(&mut v, "display_name", &item.display_name, 0..=200);
        let identities = identities(&mut v, "identities", item.identities);
        let source_at = parse::time(&mut v, "source_time", item.source_time);
        let received_at = parse::time(&mut v, "receive_time", item.receive_time);
        let is_receipt = matches!(item.event, Some(Wire::Receipt(_)));
        let needs_nobody = matches!(&item.event, Some(Wire::Receipt(receipt)) if receipt.up_to_time.is_none())
            || matches!(item.event, Some(Wire::Media(_)));
        let is_known = identities.iter().any(|i| i.verified);
        v.check(needs_nobody || is_known, "identities", "must have a verified identity");
        v.check(is_receipt || item.source_time.is_some(), "source_time", "must be set");
        let event = parse_event(&mut v, item.event);
        v.finish()?;
        let event = event.ok_or_else(|| Fault::invalid("event", "must be set"))?;
        let received_at = received_at.unwrap_or(now);
        Ok(Item {
            channel_id,
            external_id: item.external_id,
            identities,
            display_name: item.display_name,
            source_at: source_at.unwrap_or(received_at),
            received_at,
            event,
        })
    }
}

fn bytes(v: &mut Violations, field: &str, value: &str, least: usize) {
    let fits = (least..=512).contains(&value.len()) && !value.contains('\0');
    v.check(fits, field, &format!("must be {least} to 512 bytes without NUL"));
}

/// At most 8 identities, one of a kind where verified.
pub(super) fn identities(
    v: &mut Violations,
    field: &str,
    from: Vec<tandem_proto::r#type::v1::Identity>,
) -> Vec<Identity> {
    v.check(from.len() <= 8, field, "must be at most 8 identities");
    let mut parsed: Vec<Identity> = Vec::with_capacity(from.len().min(8));
    for (at, identity) in from.into_iter().take(8).enumerate() {
        let kind = parse::kind(v, &format!("{field}[{at}].kind"), identity.kind, IdentityKind::from_number);
        parse::text(v, &format!("{field}[{at}].value"), &identity.value, 1..=256);
        let Some(kind) = kind else { continue };
        if identity.verified && parsed.iter().any(|other| other.verified && other.kind == kind) {
            v.add(format!("{field}[{at}]"), "must be the only verified identity of its kind");
        }
        parsed.push(Identity { kind, value: identity.value, verified: identity.verified });
    }
    parsed
}

fn incoming(v: &mut Violations, field: &str, from: proto::IngestMessage) -> Option<Incoming> {
    bytes(v, &format!("{field}.reply_to_external_id"), &from.reply_to_external_id, 0);
    Some(Incoming {
        referral: from.referral.map(|from| content::referral(v, &format!("{field}.referral"), from)),
        content: content::required(v, &format!("{field}.content"), from.content)?,
        reply_to_external_id: from.reply_to_external_id,
        forwarded: from.forwarded,
    })
}

fn parse_event(v: &mut Violations, event: Option<Wire>) -> Option<Event> {
    let Some(event) = event else {
        v.add("event", "must be set");
        return None;
    };
    match event {
        Wire::Message(message) => incoming(v, "message", message).map(Event::Message),
        Wire::Echo(message) => incoming(v, "echo", message).map(Event::Echo),
        Wire::Edit(edit) => {
            bytes(v, "edit.target_external_id", &edit.target_external_id, 1);
            let content = content::required(v, "edit.content", edit.content)?;
            Some(Event::Edit { target: edit.target_external_id, content })
        }
        Wire::Deletion(deletion) => {
            bytes(v, "deletion.target_external_id", &deletion.target_external_id, 1);
            Some(Event::Deletion { target: deletion.target_external_id })
        }
        Wire::Reaction(reaction) => {
            bytes(v, "reaction.target_external_id", &reaction.target_external_id, 1);
            parse::text(v, "reaction.emoji", &reaction.emoji, 0..=32);
            Some(Event::Reaction { target: reaction.target_external_id, emoji: reaction.emoji })
        }
        Wire::Receipt(receipt) => receipt_of(v, receipt),
        Wire::IdentityChange(change) => identity_change(v, change),
        Wire::Media(media) => {
            bytes(v, "media.target_external_id", &media.target_external_id, 1);
            let target = media.target_external_id.clone();
            Some(Event::Media { target, reference: content::reference(v, media) })
        }
    }
}

fn identity_change(v: &mut Violations, change: proto::IngestIdentityChange) -> Option<Event> {
    let field = "identity_change.new_identity";
    parse::text(v, "identity_change.text", &change.text, 0..=1_024);
    let Some(new) = change.new_identity else {
        v.add(field, "must be set");
        return None;
    };
    let kind = parse::kind(v, &format!("{field}.kind"), new.kind, IdentityKind::from_number);
    parse::text(v, &format!("{field}.value"), &new.value, 1..=256);
    v.check(new.verified, &format!("{field}.verified"), "must be true");
    let new = Identity { kind: kind?, value: new.value, verified: true };
    Some(Event::IdentityChange { new, text: change.text })
}

fn receipt_of(v: &mut Violations, receipt: proto::IngestReceipt) -> Option<Event> {
    let state = parse::kind(v, "receipt.state", receipt.state, DeliveryState::from_number).filter(|state| {
        use DeliveryState::{Delivered, Failed, Read, Sent};
        v.check(
            matches!(state, Sent | Delivered | Read | Failed),
            "receipt.state",
            "must be what a provider tells",
        )
    });
    parse::text(v, "receipt.failure", &receipt.failure, 0..=500);
    let is_seen = matches!(state, None | Some(DeliveryState::Delivered | DeliveryState::Read));
    let reaches = receipt.up_to || receipt.up_to_time.is_some();
    v.check(is_seen || !reaches, "receipt.up_to", "must be with DELIVERED or READ");
    let time = parse::time(v, "receipt.up_to_time", receipt.up_to_time);
    let (ours, providers) = (receipt.message_id.as_str(), receipt.provider_id.as_str());
    if receipt.up_to_time.is_some() {
        let alone = ours.is_empty() && providers.is_empty() && !receipt.up_to;
        v.check(alone, "receipt.up_to_time", "must not be set with a reply");
        return Some(Event::ReceiptUpTo { time: time?, state: state? });
    }
    let reply = match (ours, providers) {
        ("", "") => {
            v.add("receipt", "must name the reply by message_id or provider_id, or a time");
            return None;
        }
        ("", _) => {
            bytes(v, "receipt.provider_id", &receipt.provider_id, 1);
            Reply::Provider(receipt.provider_id)
        }
        (ours, _) => Reply::Ours(parse::id(v, "receipt.message_id", ours)),
    };
    Some(Event::Receipt { reply, state: state?, failure: receipt.failure, up_to: receipt.up_to })
}
