//! Conversation, as far as search asks it: who may see what, and which conversations match a filter.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tandem_fault::Fault;
use tandem_proto::conversation::v1::conversation_service_server::{
    ConversationService, ConversationServiceServer,
};
use tandem_proto::conversation::v1::*;
use tandem_proto::feed::v1::change_feed_service_server::ChangeFeedServiceServer;
use tandem_proto::r#type::v1::ConversationFilter;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::fake_feed::{FakeFeed, FeedApi};

/// A conversation of which only the status is known.
#[derive(Debug, Clone)]
pub struct FakeThread {
    pub tenant: Uuid,
    pub id: Uuid,
    pub channel: Uuid,
    pub status: i32,
}

#[derive(Default)]
pub struct FakeConversation {
    pub threads: Mutex<Vec<FakeThread>>,
    /// Subjects that see these channels alone; all others see every one.
    pub scopes: Mutex<HashMap<String, Vec<Uuid>>>,
    /// How often each method was called.
    pub calls: Mutex<HashMap<&'static str, usize>>,
    /// Views by their ids, with what they mean.
    pub views: Mutex<HashMap<String, ConversationFilter>>,
    /// Lists answer empty pages with a token to go on, as a rare combination may.
    pub list_is_endless: AtomicBool,
    /// Lists are never answered.
    pub list_hangs: AtomicBool,
}

impl FakeConversation {
    pub fn calls(&self, method: &str) -> usize {
        self.calls.lock().unwrap().get(method).copied().unwrap_or(0)
    }

    fn called(&self, method: &'static str) {
        *self.calls.lock().unwrap().entry(method).or_default() += 1;
    }

    /// What a question asks for: a filter, or a view.
    fn asked(&self, filter: &Option<ConversationFilter>, view_id: &str) -> ConversationFilter {
        assert!(view_id.is_empty() || filter.is_none(), "conversation refuses both");
        let view = self.views.lock().unwrap().get(view_id).cloned();
        filter.clone().or(view).unwrap_or_default()
    }

    /// The caller's conversations that match, as the real service would answer: tenant and scope come first.
    fn matching<T>(&self, request: &Request<T>, filter: &ConversationFilter) -> Vec<FakeThread> {
        let (tenant, subject) = who(request);
        let scopes = self.scopes.lock().unwrap();
        let scope = scopes.get(&subject);
        let threads = self.threads.lock().unwrap();
        let matches = |thread: &&FakeThread| {
            thread.tenant == tenant
                && scope.is_none_or(|channels| channels.contains(&thread.channel))
                && (filter.statuses.is_empty() || filter.statuses.contains(&thread.status))
                && (filter.channel_ids.is_empty() || filter.channel_ids.contains(&thread.channel.to_string()))
        };
        threads.iter().filter(matches).cloned().collect()
    }
}

/// The token's tenant and subject; verified by the service under test, read here.
fn who<T>(request: &Request<T>) -> (Uuid, String) {
    let bearer = request.metadata().get("authorization").expect("the caller's token").to_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(bearer.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let text = |name: &str| claims[name].as_str().expect("not a service's token").to_owned();
    (text("tandem_tenant").parse().unwrap(), text("sub"))
}

/// Methods that search does not ask: written out as `async_trait` would, which does not look into macros.
macro_rules! unasked {
    ($($method:ident: $request:ident => $response:ident,)*) => {$(
        fn $method<'life, 'call>(
            &'life self,
            _: Request<$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'call>>
        where
            'life: 'call,
            Self: 'call,
        {
            Box::pin(async { Err(Status::unimplemented("search does not ask this")) })
        }
    )*};
}

/// The fake as a service.
struct ConversationApi(Arc<FakeConversation>);

#[tonic::async_trait]
impl ConversationService for ConversationApi {
    async fn get_access_scope(
        &self,
        request: Request<GetAccessScopeRequest>,
    ) -> Result<Response<GetAccessScopeResponse>, Status> {
        self.0.called("GetAccessScope");
        let (_, subject) = who(&request);
        let scopes = self.0.scopes.lock().unwrap();
        let channels = scopes.get(&subject);
        Ok(Response::new(GetAccessScopeResponse {
            all_channels: channels.is_none(),
            channel_ids: channels.into_iter().flatten().map(Uuid::to_string).collect(),
            ..GetAccessScopeResponse::default()
        }))
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        self.0.called("ListConversations");
        let asked = request.get_ref();
        if asked.filter.as_ref().is_some_and(|filter| filter.waiting == Some(true)) {
            return Err(Fault::invalid("filter.waiting", "is refused by this fake").into());
        }
        if self.0.list_hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.0.list_is_endless.load(Ordering::SeqCst) {
            let next_page_token = "0".to_owned();
            return Ok(Response::new(ListConversationsResponse { rows: vec![], next_page_token }));
        }
        let threads = self.0.matching(&request, &self.0.asked(&asked.filter, &asked.view_id));
        let from: usize = asked.page_token.parse().unwrap_or(0);
        let size = usize::try_from(asked.page_size).unwrap();
        let row = |thread: &FakeThread| ConversationRow {
            conversation: Some(Conversation { id: thread.id.to_string(), ..Conversation::default() }),
            ..ConversationRow::default()
        };
        let rows: Vec<ConversationRow> = threads.iter().skip(from).take(size).map(row).collect();
        let end = from + rows.len();
        let next_page_token = if end < threads.len() { end.to_string() } else { String::new() };
        Ok(Response::new(ListConversationsResponse { rows, next_page_token }))
    }

    async fn match_conversations(
        &self,
        request: Request<MatchConversationsRequest>,
    ) -> Result<Response<MatchConversationsResponse>, Status> {
        self.0.called("MatchConversations");
        let asked = request.get_ref();
        assert!(asked.conversation_ids.len() <= 500, "more than the API allows");
        let matching = self.0.matching(&request, &self.0.asked(&asked.filter, &asked.view_id));
        let matching: HashSet<String> = matching.into_iter().map(|thread| thread.id.to_string()).collect();
        let conversation_ids =
            asked.conversation_ids.iter().filter(|id| matching.contains(*id)).cloned().collect();
        Ok(Response::new(MatchConversationsResponse { conversation_ids }))
    }

    unasked! {
        get_conversation: GetConversationRequest => GetConversationResponse,
        list_messages: ListMessagesRequest => ListMessagesResponse,
        list_timeline: ListTimelineRequest => ListTimelineResponse,
        send_message: SendMessageRequest => SendMessageResponse,
        start_conversation: StartConversationRequest => StartConversationResponse,
        close_conversation: CloseConversationRequest => CloseConversationResponse,
        reopen_conversation: ReopenConversationRequest => ReopenConversationResponse,
        mark_read: MarkReadRequest => MarkReadResponse,
        update_labels: UpdateLabelsRequest => UpdateLabelsResponse,
        list_labels: ListLabelsRequest => ListLabelsResponse,
        list_label_figures: ListLabelFiguresRequest => ListLabelFiguresResponse,
        raise_attention: RaiseAttentionRequest => RaiseAttentionResponse,
        count_conversations: CountConversationsRequest => CountConversationsResponse,
        snooze_conversation: SnoozeConversationRequest => SnoozeConversationResponse,
        wake_conversation: WakeConversationRequest => WakeConversationResponse,
        set_priority: SetPriorityRequest => SetPriorityResponse,
        mark_unread: MarkUnreadRequest => MarkUnreadResponse,
        rename_label: RenameLabelRequest => RenameLabelResponse,
        merge_labels: MergeLabelsRequest => MergeLabelsResponse,
        bulk_update_conversations: BulkUpdateConversationsRequest => BulkUpdateConversationsResponse,
        update_attention_phrases: UpdateAttentionPhrasesRequest => UpdateAttentionPhrasesResponse,
        list_attention_phrases: ListAttentionPhrasesRequest => ListAttentionPhrasesResponse,
        update_response_goals: UpdateResponseGoalsRequest => UpdateResponseGoalsResponse,
        get_response_goals: GetResponseGoalsRequest => GetResponseGoalsResponse,
        signal_typing: SignalTypingRequest => SignalTypingResponse,
    }
}

/// Serves the fake and its feed.
pub async fn serve(conversation: Arc<FakeConversation>, feed: Arc<FakeFeed>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder()
        .add_service(ConversationServiceServer::new(ConversationApi(conversation)))
        .add_service(ChangeFeedServiceServer::new(FeedApi(feed)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}
