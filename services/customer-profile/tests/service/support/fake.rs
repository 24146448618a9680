//! Conversation as this service sees it: a feed, access scopes, lists of conversations.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::Stream;
use tandem_fault::{Fault, Reason};
use tandem_proto::conversation::v1::{
    Conversation, ConversationRow, GetAccessScopeRequest, GetAccessScopeResponse, ListConversationsRequest,
    ListConversationsResponse,
};
use tandem_proto::feed::v1::change::Body;
use tandem_proto::feed::v1::change_feed_service_server::{ChangeFeedService, ChangeFeedServiceServer};
use tandem_proto::feed::v1::{
    Change, ChangeKind, Cursor, LocateRequest, LocateResponse, SnapshotRequest, SnapshotResponse,
    SubscribeRequest, SubscribeResponse,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body as HttpBody;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use uuid::Uuid;

#[derive(Clone)]
pub struct FakeConversation {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    news: watch::Sender<()>,
}

#[derive(Default)]
struct Shared {
    /// Which history of the database this is: a restored one has other marks.
    history: u64,
    batches: Vec<(Vec<Change>, i64)>,
    head: i64,
    /// Numbers up to here were given before the restore.
    restored_at: i64,
    states: BTreeMap<(i32, String, String), Change>,
    /// By `authorization`.
    scopes: HashMap<String, GetAccessScopeResponse>,
    scope_calls: usize,
    lists_fail: bool,
}

fn mark(history: u64, seq: i64) -> u64 {
    if seq == 0 { 0 } else { history * 1_000_003 + seq.unsigned_abs() }
}

impl FakeConversation {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { history: 1, ..Shared::default() }));
        let fake = Self { address, shared, news: watch::channel(()).0 };
        let router = tonic::transport::Server::builder()
            .add_service(ChangeFeedServiceServer::new(fake.clone()))
            .add_service(Conversations(fake.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        fake
    }

    /// Appends a batch. Answers the number and mark of its last change.
    pub fn tell(&self, mut changes: Vec<Change>) -> (i64, i64) {
        let mut shared = self.shared.lock().unwrap();
        for change in &mut changes {
            shared.head += 1;
            change.seq = shared.head;
            shared
                .states
                .insert((change.kind, change.tenant_id.clone(), change.entity_id.clone()), change.clone());
        }
        let head = shared.head;
        shared.batches.push((changes, head));
        let mark = mark(shared.history, head);
        drop(shared);
        self.news.send_replace(());
        (head, mark.cast_signed())
    }

    /// The database is another one now, restored from a dump that held these states.
    pub fn restore(&self, states: Vec<Change>) {
        let mut shared = self.shared.lock().unwrap();
        shared.history += 1;
        shared.batches.clear();
        shared.restored_at = shared.head;
        shared.states = states
            .into_iter()
            .map(|change| ((change.kind, change.tenant_id.clone(), change.entity_id.clone()), change))
            .collect();
        drop(shared);
        self.news.send_replace(());
    }

    pub fn let_see(&self, authorization: &str, channels: &[Uuid]) {
        let channel_ids = channels.iter().map(ToString::to_string).collect();
        let scope = GetAccessScopeResponse { channel_ids, ..GetAccessScopeResponse::default() };
        self.shared.lock().unwrap().scopes.insert(authorization.to_owned(), scope);
    }

    /// From now on nobody is told of conversations.
    pub fn fail_lists(&self) {
        self.shared.lock().unwrap().lists_fail = true;
    }

    pub fn scope_calls(&self) -> usize {
        self.shared.lock().unwrap().scope_calls
    }

    fn cursor(shared: &Shared, seq: i64) -> Cursor {
        Cursor { seq, mark: mark(shared.history, seq) }
    }
}

#[tonic::async_trait]
impl ChangeFeedService for FakeConversation {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let after = request.into_inner().after.unwrap_or_default();
        let history = {
            let shared = self.shared.lock().unwrap();
            if after != Self::cursor(&shared, after.seq) || after.seq < shared.restored_at {
                return Err(Fault::new(Reason::CursorGone, "another history").into());
            }
            shared.history
        };
        let (sender, receiver) = mpsc::channel(4);
        let fake = self.clone();
        tokio::spawn(async move {
            let mut news = fake.news.subscribe();
            let mut seq = after.seq;
            loop {
                let batches: Vec<SubscribeResponse> = {
                    let shared = fake.shared.lock().unwrap();
                    if shared.history != history {
                        return;
                    }
                    let later = shared.batches.iter().filter(|(_, last)| *last > seq);
                    let response = |(changes, last): &(Vec<Change>, i64)| SubscribeResponse {
                        changes: changes.clone(),
                        cursor: Some(Self::cursor(&shared, *last)),
                        head_seq: shared.head,
                        time: None,
                    };
                    later.map(response).collect()
                };
                for batch in batches {
                    seq = batch.cursor.unwrap().seq;
                    if sender.send(Ok(batch)).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    changed = news.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<SnapshotResponse>, Status> {
        let request = request.into_inner();
        let shared = self.shared.lock().unwrap();
        let of_kind =
            |kind: &i32| shared.states.values().filter(|change| change.kind == *kind).collect::<Vec<_>>();
        let states: Vec<&Change> = request.kinds.iter().flat_map(of_kind).collect();
        let from: usize = request.page_token.parse().unwrap_or(0);
        let page: Vec<Change> = states.iter().skip(from).take(3).map(|change| (*change).clone()).collect();
        let next = from + page.len();
        Ok(Response::new(SnapshotResponse {
            changes: page,
            next_page_token: if next < states.len() { next.to_string() } else { String::new() },
            head: Some(Self::cursor(&shared, shared.head)),
        }))
    }

    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<LocateResponse>, Status> {
        let request = request.into_inner();
        let shared = self.shared.lock().unwrap();
        if request.mark != mark(shared.history, request.outbox_id) {
            return Err(Fault::new(Reason::CursorGone, "another history").into());
        }
        Ok(Response::new(LocateResponse { seq: request.outbox_id, ..Default::default() }))
    }
}

/// The two methods of `ConversationService` that this service calls.
#[derive(Clone)]
struct Conversations(FakeConversation);

impl NamedService for Conversations {
    const NAME: &'static str = "tandem.conversation.v1.ConversationService";
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<HttpBody>, Infallible>> + Send>>;

impl tower::Service<http::Request<HttpBody>> for Conversations {
    type Response = http::Response<HttpBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<HttpBody>) -> Answering {
        let fake = self.0.clone();
        Box::pin(async move {
            Ok(if request.uri().path().ends_with("/GetAccessScope") {
                Grpc::new(ProstCodec::default()).unary(Scope(fake), request).await
            } else {
                Grpc::new(ProstCodec::default()).unary(List(fake), request).await
            })
        })
    }
}

fn bearer<T>(request: &Request<T>) -> String {
    request.metadata().get("authorization").map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

struct Scope(FakeConversation);

impl UnaryService<GetAccessScopeRequest> for Scope {
    type Response = GetAccessScopeResponse;
    type Future = std::future::Ready<Result<Response<GetAccessScopeResponse>, Status>>;

    fn call(&mut self, request: Request<GetAccessScopeRequest>) -> Self::Future {
        let mut shared = self.0.shared.lock().unwrap();
        shared.scope_calls += 1;
        let scope = shared.scopes.get(&bearer(&request)).cloned();
        std::future::ready(scope.map(Response::new).ok_or_else(|| Status::unavailable("nobody knows")))
    }
}

struct List(FakeConversation);

impl UnaryService<ListConversationsRequest> for List {
    type Response = ListConversationsResponse;
    type Future = std::future::Ready<Result<Response<ListConversationsResponse>, Status>>;

    /// Newest activity first; the preview tells whose token came.
    fn call(&mut self, request: Request<ListConversationsRequest>) -> Self::Future {
        let preview = bearer(&request);
        let request = request.into_inner();
        let contacts = request.filter.unwrap().contact_ids;
        let shared = self.0.shared.lock().unwrap();
        if shared.lists_fail {
            return std::future::ready(Err(Status::unavailable("nobody knows")));
        }
        let mut found: Vec<Conversation> = shared
            .states
            .values()
            .filter(|change| change.kind() == ChangeKind::Conversation)
            .filter_map(|change| match &change.body {
                Some(Body::Conversation(state)) if contacts.contains(&state.contact_id) => {
                    Some(state.clone())
                }
                _ => None,
            })
            .collect();
        found.sort_by_key(|state| std::cmp::Reverse(state.last_activity_time.map(|time| time.seconds)));
        let from: usize = request.page_token.parse().unwrap_or(0);
        let size = if request.page_size == 0 { 50 } else { usize::try_from(request.page_size).unwrap() };
        let next = from + size;
        let rows = found.iter().skip(from).take(size).map(|state| ConversationRow {
            conversation: Some(Conversation { preview: preview.clone(), ..state.clone() }),
            ..ConversationRow::default()
        });
        std::future::ready(Ok(Response::new(ListConversationsResponse {
            rows: rows.collect(),
            next_page_token: if next < found.len() { next.to_string() } else { String::new() },
        })))
    }
}
