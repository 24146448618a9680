//! The writes of `ConversationService`: each takes a request id, answers the entity and a change token.

use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use uuid::Uuid;

use super::life::names;
use super::{Rpc, content, convert, ingest, parse};
use crate::domain::conversation::close::Close;
use crate::domain::conversation::send::Send;
use crate::domain::conversation::start::Start;
use crate::domain::kinds::Attention;
use crate::domain::viewer::Viewer;

type Answer<T> = Result<T, tonic::Status>;

/// Whom a private note calls, each once.
fn mentions(v: &mut Violations, ids: &[String], private: bool) -> Vec<Uuid> {
    v.check(private || ids.is_empty(), "mention_agent_ids", "must be empty unless it is a private note");
    let mut mentioned = Vec::new();
    for id in parse::distinct_ids(v, "mention_agent_ids", ids, 20) {
        if !mentioned.contains(&id) {
            mentioned.push(id);
        }
    }
    mentioned
}

impl Rpc {
    pub(super) async fn send(
        &self,
        viewer: Viewer,
        request: proto::SendMessageRequest,
    ) -> Answer<proto::SendMessageResponse> {
        let mut v = Violations::new();
        let body =
            proto::SendMessageRequest { request_id: String::new(), expected_epoch: 0, ..request.clone() };
        let send = Send {
            request: parse::request(&mut v, viewer.tenant_id, "SendMessage", &request.request_id, &body),
            conversation_id: parse::id(&mut v, "conversation_id", &request.conversation_id),
            contents: content::list(&mut v, "contents", request.contents, 1),
            expected_epoch: request.expected_epoch,
            answers_position: request.answers_position,
            private: request.private,
            take_over: request.take_over,
            reply_to_position: request.reply_to_position,
            mention_agent_ids: mentions(&mut v, &request.mention_agent_ids, request.private),
        };
        v.check(request.answers_position >= 0, "answers_position", "must not be negative");
        v.check(request.reply_to_position >= 0, "reply_to_position", "must not be negative");
        if viewer.is_ai && viewer.agent_id.is_none() && !request.private {
            v.check(
                request.expected_epoch > 0,
                "expected_epoch",
                "must be the epoch that the words were written under",
            );
        } else {
            v.check(request.expected_epoch >= 0, "expected_epoch", "must not be negative");
        }
        v.check(!(request.private && request.take_over), "take_over", "must not be set with a private note");
        v.finish()?;
        let outcome = self.domain.send(&viewer, send).await?;
        Ok(proto::SendMessageResponse {
            messages: convert::messages(outcome.messages),
            conversation: Some(convert::full(outcome.row)),
            change_token: outcome.change_token,
        })
    }

    pub(super) async fn start(
        &self,
        viewer: Viewer,
        request: proto::StartConversationRequest,
    ) -> Answer<proto::StartConversationResponse> {
        let mut v = Violations::new();
        let body = proto::StartConversationRequest { request_id: String::new(), ..request.clone() };
        let start = Start {
            request: parse::request(
                &mut v,
                viewer.tenant_id,
                "StartConversation",
                &request.request_id,
                &body,
            ),
            channel_id: parse::id(&mut v, "channel_id", &request.channel_id),
            contact_id: parse::optional_id(&mut v, "contact_id", &request.contact_id),
            identities: ingest::identities(&mut v, "identities", request.identities),
            display_name: request.display_name,
            contents: content::list(&mut v, "contents", request.contents, 1),
        };
        parse::text(&mut v, "display_name", &start.display_name, 0..=200);
        match start.contact_id {
            Some(_) => v.check(start.identities.is_empty(), "identities", "must be empty with contact_id"),
            None => v.check(
                start.identities.iter().any(|i| i.verified),
                "identities",
                "must have a verified identity",
            ),
        };
        v.finish()?;
        let outcome = self.domain.start(&viewer, start).await?;
        Ok(proto::StartConversationResponse {
            conversation: Some(convert::full(outcome.row)),
            messages: convert::messages(outcome.messages),
            change_token: outcome.change_token,
        })
    }

    pub(super) async fn close(
        &self,
        viewer: Viewer,
        request: proto::CloseConversationRequest,
    ) -> Answer<proto::CloseConversationResponse> {
        let mut v = Violations::new();
        let body = proto::CloseConversationRequest {
            request_id: String::new(),
            expected_epoch: 0,
            ..request.clone()
        };
        let close = Close {
            request: parse::request(
                &mut v,
                viewer.tenant_id,
                "CloseConversation",
                &request.request_id,
                &body,
            ),
            conversation_id: parse::id(&mut v, "conversation_id", &request.conversation_id),
            expected_epoch: request.expected_epoch,
            last_contents: content::list(&mut v, "last_contents", request.last_contents, 0),
            reason: request.reason,
            answers_position: request.answers_position,
        };
        parse::text(&mut v, "reason", &close.reason, 0..=200);
        v.check(close.expected_epoch >= 0, "expected_epoch", "must not be negative");
        v.check(close.answers_position >= 0, "answers_position", "must not be negative");
        v.finish()?;
        let outcome = self.domain.close(&viewer, close).await?;
        Ok(proto::CloseConversationResponse {
            conversation: Some(convert::full(outcome.row)),
            messages: convert::messages(outcome.messages),
            change_token: outcome.change_token,
        })
    }

    pub(super) async fn reopen(
        &self,
        viewer: Viewer,
        request: proto::ReopenConversationRequest,
    ) -> Answer<proto::ReopenConversationResponse> {
        let mut v = Violations::new();
        let body = proto::ReopenConversationRequest { request_id: String::new(), ..request.clone() };
        let named =
            parse::request(&mut v, viewer.tenant_id, "ReopenConversation", &request.request_id, &body);
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        v.finish()?;
        let outcome = self.domain.reopen(&viewer, named, id).await?;
        Ok(proto::ReopenConversationResponse {
            conversation: Some(convert::full(outcome.row)),
            change_token: outcome.change_token,
        })
    }

    pub(super) async fn labels(
        &self,
        viewer: Viewer,
        request: proto::UpdateLabelsRequest,
    ) -> Answer<proto::UpdateLabelsResponse> {
        let mut v = Violations::new();
        let body = proto::UpdateLabelsRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "UpdateLabels", &request.request_id, &body);
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        names(&mut v, "", &request.add, &request.remove);
        v.finish()?;
        let (outcome, labels) =
            self.domain.update_labels(&viewer, named, id, &request.add, &request.remove).await?;
        Ok(proto::UpdateLabelsResponse {
            conversation: Some(convert::full(outcome.row)),
            labels: labels.into_iter().map(convert::label).collect(),
            change_token: outcome.change_token,
        })
    }

    pub(super) async fn attention(
        &self,
        viewer: Viewer,
        request: proto::RaiseAttentionRequest,
    ) -> Answer<proto::RaiseAttentionResponse> {
        let mut v = Violations::new();
        let body = proto::RaiseAttentionRequest { request_id: String::new(), ..request.clone() };
        let named = parse::request(&mut v, viewer.tenant_id, "RaiseAttention", &request.request_id, &body);
        let id: Uuid = parse::id(&mut v, "conversation_id", &request.conversation_id);
        let reason = parse::kind(&mut v, "reason", request.reason, Attention::from_number);
        v.finish()?;
        let outcome =
            self.domain.raise_attention(&viewer, named, id, reason.unwrap_or(Attention::Complaint)).await?;
        Ok(proto::RaiseAttentionResponse {
            conversation: Some(convert::full(outcome.row)),
            change_token: outcome.change_token,
        })
    }
}
