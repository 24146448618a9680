//! The end of a conversation: its label, the customer's tags, its close.

use tandem_proto::conversation::v1::{CloseConversationRequest, UpdateLabelsRequest};
use tandem_proto::customer::v1::{GetCustomerRequest, UpdateTagsRequest};
use tonic::{Code, Status};

use super::parts;
use super::plan::Closer;
use super::player::{Play, TagsPut};
use super::refusal::Refusal;
use super::request_ids;
use crate::gateway::{may_work_later, request, retried, retried_while};

impl Play<'_> {
    pub(super) async fn label(&self) -> Result<(), Refusal> {
        let Some(topic) = self.script.source.topic.as_deref().and_then(parts::label) else { return Ok(()) };
        let update = UpdateLabelsRequest {
            request_id: self.request_id(self.script.steps.len(), "label"),
            conversation_id: self.conversation_id.clone(),
            add: vec![topic],
            remove: Vec::new(),
        };
        let supervisor = &self.player.stage.supervisor;
        let call = || async { supervisor.conversations().update_labels(request(update.clone())).await };
        retried(call).await.map_err(|status| Refusal::of("UpdateLabels", &status))?;
        Ok(())
    }

    pub(super) async fn tag(&self, put: &mut TagsPut) -> Result<(), Refusal> {
        let tags: Vec<String> = self.script.source.tags.iter().filter_map(|tag| parts::label(tag)).collect();
        let add: Vec<String> = tags.into_iter().filter(|tag| !put.contains(tag)).collect();
        if add.is_empty() {
            return Ok(());
        }
        let supervisor = &self.player.stage.supervisor;
        // The profile is made from the feed: the token waits for it. Where everything was stored before there is none, and
        // the feed may still be on its way.
        let get = GetCustomerRequest {
            customer_id: self.customer_id.clone(),
            at_least_as_fresh: vec![self.change_token.clone()],
        };
        let call = || async { supervisor.customers().get_customer(request(get.clone())).await };
        let later = |status: &Status| may_work_later(status) || status.code() == Code::NotFound;
        let answer =
            retried_while(later, call).await.map_err(|status| Refusal::of("GetCustomer", &status))?;
        let customer_id = answer.customer.unwrap_or_default().id;
        // The customer is part of the id: one that was linked to another since has another body.
        let source = &self.script.source;
        let mut name = vec!["tags", &source.conversation_id, &customer_id];
        name.extend(add.iter().map(String::as_str));
        let update = UpdateTagsRequest {
            request_id: request_ids::of(&name).to_string(),
            customer_id,
            add: add.clone(),
            remove: Vec::new(),
        };
        let call = || async { supervisor.customers().update_tags(request(update.clone())).await };
        retried(call).await.map_err(|status| Refusal::of("UpdateTags", &status))?;
        put.extend(add);
        Ok(())
    }

    pub(super) async fn close(&self) -> Result<(), Refusal> {
        let close = CloseConversationRequest {
            request_id: self.request_id(self.script.steps.len(), "close"),
            conversation_id: self.conversation_id.clone(),
            expected_epoch: self.epoch,
            reason: "replayed to its end".to_owned(),
            ..CloseConversationRequest::default()
        };
        let closer = match self.script.closer {
            Closer::Ai => &self.player.stage.ai,
            Closer::Agent => self.agent()?,
        };
        let call = || async { closer.conversations().close_conversation(request(close.clone())).await };
        retried(call).await.map_err(|status| Refusal::of("CloseConversation", &status))?;
        Ok(())
    }
}
