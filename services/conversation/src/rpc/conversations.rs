use tandem_fault::Violations;
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::conversation_service_server::ConversationService;
use tandem_signed_token::{PageToken, binding};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::question::{self, Question};
use super::{Rpc, convert, parse, settings};
use crate::domain::conversation::messages::Window;
use crate::domain::viewer::{Scope, Viewer};

type Answer<T> = Result<Response<T>, Status>;

/// What a page token belongs to: caller, method and question.
pub(super) fn bound(viewer: &Viewer, method: &str, question: &[u8]) -> [u8; 16] {
    binding(&[viewer.tenant_id.as_bytes(), viewer.subject.as_bytes(), method.as_bytes(), question])
}

/// What the page tokens of a list belong to.
pub(super) fn list_bound(viewer: &Viewer, named: &[u8]) -> [u8; 16] {
    bound(viewer, "ListConversations", named)
}

#[tonic::async_trait]
impl ConversationService for Rpc {
    async fn list_conversations(
        &self,
        request: Request<proto::ListConversationsRequest>,
    ) -> Answer<proto::ListConversationsResponse> {
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let mut v = Violations::new();
        let size = parse::size(&mut v, "page_size", request.page_size, 50, 200);
        let question = Question::parse(v, &request)?;
        let meant = self.meant(&viewer, question).await?;
        let wanted = meant.at(self.domain.ambient.now());
        let bound = list_bound(&viewer, &meant.named);
        let after = PageToken::resume(&self.domain.signer, &bound, &request.page_token)?;
        let page_size = usize::try_from(size).unwrap_or(50);
        let (rows, next) = self.domain.list(&viewer, &wanted, meant.order, after, page_size).await?;
        let next = next.map(|place| PageToken::encode(&self.domain.signer, &bound, &place));
        Ok(Response::new(proto::ListConversationsResponse {
            rows: rows.into_iter().map(convert::row).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn count_conversations(
        &self,
        request: Request<proto::CountConversationsRequest>,
    ) -> Answer<proto::CountConversationsResponse> {
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let filters = question::parse_filters(request, self.domain.ambient.now())?;
        let (counts, unread) = self.domain.count(&viewer, filters).await?;
        Ok(Response::new(proto::CountConversationsResponse {
            counts: counts.into_iter().map(question::count).collect(),
            total_unread: unread.map(question::count),
        }))
    }

    async fn match_conversations(
        &self,
        request: Request<proto::MatchConversationsRequest>,
    ) -> Answer<proto::MatchConversationsResponse> {
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let mut v = Violations::new();
        let ids = parse::ids(&mut v, "conversation_ids", &request.conversation_ids, 500);
        let question = Question::read(&mut v, &request.filter, &request.view_id, 0, &request.time_zone);
        v.finish()?;
        let wanted = self.meant(&viewer, question).await?.at(self.domain.ambient.now());
        let matching = self.domain.matching(&viewer, &wanted, &ids).await?;
        let conversation_ids = matching.iter().map(Uuid::to_string).collect();
        Ok(Response::new(proto::MatchConversationsResponse { conversation_ids }))
    }

    async fn get_conversation(
        &self,
        request: Request<proto::GetConversationRequest>,
    ) -> Answer<proto::GetConversationResponse> {
        let (viewer, request) = self.fresh(request, |r| &r.at_least_as_fresh).await?;
        let mut v = Violations::new();
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        v.finish()?;
        let (row, contact) = self.domain.get(&viewer, id).await?;
        Ok(Response::new(proto::GetConversationResponse {
            row: Some(convert::row(row)),
            contact: Some(convert::contact(contact)),
        }))
    }

    async fn list_messages(
        &self,
        request: Request<proto::ListMessagesRequest>,
    ) -> Answer<proto::ListMessagesResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        let size = parse::size(&mut v, "page_size", request.page_size, 100, 500);
        v.check(request.after_position >= 0, "after_position", "must not be negative");
        v.check(request.before_position >= 0, "before_position", "must not be negative");
        v.check(request.around_position >= 0, "around_position", "must not be negative");
        let both = request.after_position > 0 && request.before_position > 0;
        v.check(!both, "before_position", "must not be set with after_position");
        let both = request.around_position > 0 && (request.after_position > 0 || request.before_position > 0);
        v.check(!both, "around_position", "must not be set with another position");
        v.finish()?;
        let window = match (request.around_position, request.before_position) {
            (0, 0) => Window::After(request.after_position),
            (0, before) => Window::Before(before),
            (around, _) => Window::Around(around),
        };
        let page = self.domain.messages(&viewer, id, window, size).await?;
        Ok(Response::new(proto::ListMessagesResponse {
            messages: convert::messages(page.messages),
            more: page.more,
            more_before: page.more_before,
        }))
    }

    async fn list_timeline(
        &self,
        request: Request<proto::ListTimelineRequest>,
    ) -> Answer<proto::ListTimelineResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        let size = parse::size(&mut v, "page_size", request.page_size, 100, 500);
        v.finish()?;
        let bound = bound(&viewer, "ListTimeline", id.as_bytes());
        let after: Option<i64> = PageToken::resume(&self.domain.signer, &bound, &request.page_token)?;
        let (entries, names) = self.domain.timeline(&viewer, id, after.unwrap_or_default(), size).await?;
        let last = entries.last().filter(|_| i64::try_from(entries.len()) == Ok(size));
        let next = last.map(|last| PageToken::encode(&self.domain.signer, &bound, &last.0));
        Ok(Response::new(proto::ListTimelineResponse {
            next_page_token: next.unwrap_or_default(),
            entries: entries.into_iter().map(|(_, entry)| convert::named_entry(entry, &names)).collect(),
        }))
    }

    async fn send_message(
        &self,
        request: Request<proto::SendMessageRequest>,
    ) -> Answer<proto::SendMessageResponse> {
        let (viewer, request) = self.open(request).await?;
        self.send(viewer, request).await.map(Response::new)
    }

    async fn start_conversation(
        &self,
        request: Request<proto::StartConversationRequest>,
    ) -> Answer<proto::StartConversationResponse> {
        let (viewer, request) = self.open(request).await?;
        self.start(viewer, request).await.map(Response::new)
    }

    async fn close_conversation(
        &self,
        request: Request<proto::CloseConversationRequest>,
    ) -> Answer<proto::CloseConversationResponse> {
        let (viewer, request) = self.open(request).await?;
        self.close(viewer, request).await.map(Response::new)
    }

    async fn reopen_conversation(
        &self,
        request: Request<proto::ReopenConversationRequest>,
    ) -> Answer<proto::ReopenConversationResponse> {
        let (viewer, request) = self.open(request).await?;
        self.reopen(viewer, request).await.map(Response::new)
    }

    async fn mark_read(&self, request: Request<proto::MarkReadRequest>) -> Answer<proto::MarkReadResponse> {
        let (viewer, request) = self.open(request).await?;
        let mut v = Violations::new();
        let id = parse::id(&mut v, "conversation_id", &request.conversation_id);
        v.check(request.up_to_position >= 0, "up_to_position", "must not be negative");
        v.finish()?;
        let unread = self.domain.mark_read(&viewer, id, request.up_to_position).await?;
        Ok(Response::new(proto::MarkReadResponse { unread }))
    }

    async fn update_labels(
        &self,
        request: Request<proto::UpdateLabelsRequest>,
    ) -> Answer<proto::UpdateLabelsResponse> {
        let (viewer, request) = self.open(request).await?;
        self.labels(viewer, request).await.map(Response::new)
    }

    async fn list_labels(
        &self,
        request: Request<proto::ListLabelsRequest>,
    ) -> Answer<proto::ListLabelsResponse> {
        let (viewer, _) = self.open(request).await?;
        let labels = self.domain.labels(&viewer).await?;
        let labels = labels.into_iter().map(convert::label).collect();
        Ok(Response::new(proto::ListLabelsResponse { labels }))
    }

    async fn list_label_figures(
        &self,
        request: Request<proto::ListLabelFiguresRequest>,
    ) -> Answer<proto::ListLabelFiguresResponse> {
        let (viewer, request) = self.open(request).await?;
        self.figures(viewer, request).await.map(Response::new)
    }

    async fn raise_attention(
        &self,
        request: Request<proto::RaiseAttentionRequest>,
    ) -> Answer<proto::RaiseAttentionResponse> {
        let (viewer, request) = self.open(request).await?;
        self.attention(viewer, request).await.map(Response::new)
    }

    async fn get_access_scope(
        &self,
        request: Request<proto::GetAccessScopeRequest>,
    ) -> Answer<proto::GetAccessScopeResponse> {
        let (viewer, _) = self.open(request).await?;
        let (all_channels, channels) = match viewer.scope {
            Scope::All => (true, Vec::new()),
            Scope::Channels(channels) => (false, channels),
        };
        Ok(Response::new(proto::GetAccessScopeResponse {
            all_channels,
            channel_ids: channels.iter().map(Uuid::to_string).collect(),
            agent_id: viewer.agent_id.map(|id| id.to_string()).unwrap_or_default(),
            team_ids: viewer.team_ids.iter().map(Uuid::to_string).collect(),
            time: Some(convert::time(self.domain.ambient.now())),
        }))
    }

    async fn snooze_conversation(
        &self,
        request: Request<proto::SnoozeConversationRequest>,
    ) -> Answer<proto::SnoozeConversationResponse> {
        let (viewer, request) = self.open(request).await?;
        self.snooze(viewer, request).await.map(Response::new)
    }

    async fn wake_conversation(
        &self,
        request: Request<proto::WakeConversationRequest>,
    ) -> Answer<proto::WakeConversationResponse> {
        let (viewer, request) = self.open(request).await?;
        self.wake(viewer, request).await.map(Response::new)
    }

    async fn set_priority(
        &self,
        request: Request<proto::SetPriorityRequest>,
    ) -> Answer<proto::SetPriorityResponse> {
        let (viewer, request) = self.open(request).await?;
        self.prioritise(viewer, request).await.map(Response::new)
    }

    async fn mark_unread(
        &self,
        request: Request<proto::MarkUnreadRequest>,
    ) -> Answer<proto::MarkUnreadResponse> {
        let (viewer, request) = self.open(request).await?;
        self.unread(viewer, request).await.map(Response::new)
    }

    async fn rename_label(
        &self,
        request: Request<proto::RenameLabelRequest>,
    ) -> Answer<proto::RenameLabelResponse> {
        let (viewer, request) = self.open(request).await?;
        self.rename(viewer, request).await.map(Response::new)
    }

    async fn merge_labels(
        &self,
        request: Request<proto::MergeLabelsRequest>,
    ) -> Answer<proto::MergeLabelsResponse> {
        let (viewer, request) = self.open(request).await?;
        self.merge(viewer, request).await.map(Response::new)
    }

    async fn bulk_update_conversations(
        &self,
        request: Request<proto::BulkUpdateConversationsRequest>,
    ) -> Answer<proto::BulkUpdateConversationsResponse> {
        let (viewer, request) = self.open(request).await?;
        self.bulk(viewer, request).await.map(Response::new)
    }

    async fn update_attention_phrases(
        &self,
        request: Request<proto::UpdateAttentionPhrasesRequest>,
    ) -> Answer<proto::UpdateAttentionPhrasesResponse> {
        let (viewer, request) = self.open(request).await?;
        self.phrases(viewer, request).await.map(Response::new)
    }

    async fn update_response_goals(
        &self,
        request: Request<proto::UpdateResponseGoalsRequest>,
    ) -> Answer<proto::UpdateResponseGoalsResponse> {
        let (viewer, request) = self.open(request).await?;
        self.goals(viewer, request).await.map(Response::new)
    }

    async fn list_attention_phrases(
        &self,
        request: Request<proto::ListAttentionPhrasesRequest>,
    ) -> Answer<proto::ListAttentionPhrasesResponse> {
        let (viewer, _) = self.open(request).await?;
        let (phrases, version) = self.domain.attention_phrases(&viewer).await?;
        Ok(Response::new(proto::ListAttentionPhrasesResponse { phrases, etag: version.to_string() }))
    }

    async fn get_response_goals(
        &self,
        request: Request<proto::GetResponseGoalsRequest>,
    ) -> Answer<proto::GetResponseGoalsResponse> {
        let (viewer, _) = self.open(request).await?;
        let goals = self.domain.goals(&viewer).await?;
        Ok(Response::new(proto::GetResponseGoalsResponse { goals: Some(settings::to_proto(&goals)) }))
    }

    async fn signal_typing(
        &self,
        request: Request<proto::SignalTypingRequest>,
    ) -> Answer<proto::SignalTypingResponse> {
        let (viewer, request) = self.open(request).await?;
        self.typing(viewer, request).await.map(Response::new)
    }
}
