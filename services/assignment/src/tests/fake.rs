//! A conversation service in memory: holders and epochs by compare-and-set, first answers by request id, a feed.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::Stream;
use tandem_fault::{Fault, Reason};
use tandem_proto::conversation::v1 as proto;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::transfer_service_server::{TransferService, TransferServiceServer};
use tandem_proto::feed::v1::change_feed_service_server::{ChangeFeedService, ChangeFeedServiceServer};
use tandem_proto::feed::v1::{
    Change, ChangeKind, Cursor, LocateRequest, LocateResponse, SnapshotRequest, SnapshotResponse,
    SubscribeRequest, SubscribeResponse, change::Body,
};
use tandem_proto::r#type::v1 as types;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::sandbox::time;
use crate::domain::kinds::HolderKind;

/// What goes wrong with the next transfer.
#[derive(Clone)]
pub enum Mishap {
    Refuse(Fault),
    /// The call does not arrive.
    LoseRequest,
    /// It is carried out, and nobody hears of it.
    LoseAnswer,
}

#[derive(Clone)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    head: watch::Sender<i64>,
    pub addr: SocketAddr,
}

#[derive(Default)]
pub struct State {
    pub conversations: HashMap<(Uuid, Uuid), proto::Conversation>,
    pub default_teams: HashMap<Uuid, Uuid>,
    /// `None` is a refusal for good.
    answers: HashMap<(Uuid, String), Option<proto::TransferHolderResponse>>,
    pub mishaps: VecDeque<Mishap>,
    /// Every transfer that was asked for.
    pub asked: Vec<proto::TransferHolderRequest>,
    pub resolved: usize,
    pub changes: Vec<Change>,
    pub time: i64,
    next: u128,
}

impl State {
    pub fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(0xfa4e << 64 | self.next)
    }

    pub fn push(&mut self, tenant: Uuid, id: &str, kind: ChangeKind, body: Body) {
        let seq = i64::try_from(self.changes.len()).unwrap() + 1;
        let change = Change {
            seq,
            tenant_id: tenant.to_string(),
            entity_id: id.to_owned(),
            kind: kind.into(),
            body: Some(body),
        };
        self.changes.push(change);
    }

    /// As `ResolveTransfer` does for a transfer that has not come.
    pub fn refuse_for_good(&mut self, tenant: Uuid, request_id: &str) {
        self.answers.insert((tenant, request_id.to_owned()), None);
    }

    pub fn transfer(
        &mut self,
        tenant: Uuid,
        asked: &proto::TransferHolderRequest,
    ) -> Result<proto::TransferHolderResponse, Fault> {
        let key = (tenant, asked.request_id.clone());
        match self.answers.get(&key) {
            Some(Some(answer)) => return Ok(answer.clone()),
            Some(None) => return Err(Fault::new(Reason::TransferRefused, "refused for good")),
            None => {}
        }
        let id = asked.conversation_id.parse().unwrap();
        let (entry_id, time) = (self.id().to_string(), self.time);
        let conversation =
            self.conversations.get_mut(&(tenant, id)).ok_or_else(|| Fault::not_found("conversation"))?;
        let from = conversation.holder.clone().unwrap();
        let actor = asked.actor.clone().unwrap();
        let person = from.kind == i32::from(HolderKind::Agent.number()) && from.id != actor.id;
        let stale = asked.expected_epoch != 0 && asked.expected_epoch != conversation.epoch;
        if stale || (person && !asked.force) {
            let fault = Fault::new(Reason::HeldByOther, "held by another");
            return Err(fault.with("holder_id", &from.id).with("epoch", conversation.epoch));
        }
        conversation.epoch += 1;
        conversation.version += 1;
        conversation.holder.clone_from(&asked.to);
        conversation.holder_since = Some(prost_types::Timestamp { seconds: time, nanos: 0 });
        let conversation = conversation.clone();
        let entry = proto::TimelineEntry {
            id: entry_id.clone(),
            conversation_id: asked.conversation_id.clone(),
            at_position: 1,
            time: Some(prost_types::Timestamp { seconds: time, nanos: 0 }),
            actor: Some(actor),
            channel_id: conversation.channel_id.clone(),
            contact_id: conversation.contact_id.clone(),
            event: Some(Event::HolderChanged(proto::HolderChanged {
                cause: asked.cause,
                from: Some(from),
                to: asked.to.clone(),
                epoch: conversation.epoch,
                note: asked.note.clone(),
                hand_off_reason: asked.hand_off_reason,
                hand_off_summary: asked.hand_off_summary.clone(),
                request_id: asked.request_id.clone(),
                hand_off_skill: asked.hand_off_skill.clone(),
                hand_off_language: asked.hand_off_language.clone(),
            })),
        };
        self.push(
            tenant,
            &asked.conversation_id,
            ChangeKind::Conversation,
            Body::Conversation(conversation.clone()),
        );
        self.push(tenant, &entry_id, ChangeKind::TimelineEntry, Body::TimelineEntry(entry.clone()));
        let answer = proto::TransferHolderResponse {
            conversation: Some(conversation),
            entry: Some(entry),
            messages: Vec::new(),
            change_token: format!("token-{}", asked.request_id),
        };
        self.answers.insert(key, Some(answer.clone()));
        Ok(answer)
    }
}

impl Fake {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State { time: time().timestamp(), ..State::default() };
        let fake = Self {
            state: Arc::new(Mutex::new(state)),
            head: watch::Sender::new(0),
            addr: listener.local_addr().unwrap(),
        };
        let router = tonic::transport::Server::builder()
            .add_service(TransferServiceServer::new(fake.clone()))
            .add_service(ChangeFeedServiceServer::new(fake.clone()))
            .add_service(reads::Conversations(fake.clone()))
            .add_service(reads::Channels(fake.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        fake
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A new conversation that the AI holds. `told`: its state and entry are on the feed.
    pub fn conversation(&self, tenant: Uuid, channel: Uuid, told: bool) -> Uuid {
        let mut state = self.state();
        let id = state.id();
        let contact_id = state.id().to_string();
        let conversation = proto::Conversation {
            id: id.to_string(),
            channel_id: channel.to_string(),
            contact_id,
            status: types::ConversationStatus::New.into(),
            holder: Some(types::Holder { kind: types::HolderKind::Ai.into(), ..types::Holder::default() }),
            epoch: 1,
            version: 1,
            ..proto::Conversation::default()
        };
        if told {
            let body = Body::Conversation(conversation.clone());
            state.push(tenant, &id.to_string(), ChangeKind::Conversation, body);
        }
        state.conversations.insert((tenant, id), conversation);
        drop(state);
        self.tell();
        id
    }

    pub fn suspend(&self, tenant: Uuid) {
        let suspended = proto::Tenant {
            id: tenant.to_string(),
            state: proto::TenantState::Suspended.into(),
            ..proto::Tenant::default()
        };
        self.state().push(tenant, &tenant.to_string(), ChangeKind::Tenant, Body::Tenant(suspended));
        self.tell();
    }

    pub fn mishap(&self, mishap: Mishap) {
        self.state().mishaps.push_back(mishap);
    }

    /// Wakes the feed's subscribers.
    fn tell(&self) {
        let head = i64::try_from(self.state().changes.len()).unwrap();
        self.head.send_replace(head);
    }
}

fn tenant<T>(request: &Request<T>) -> Uuid {
    let header = request.metadata().get("x-tandem-tenant").expect("a call says for which tenant it is");
    header.to_str().unwrap().parse().unwrap()
}

#[tonic::async_trait]
impl TransferService for Fake {
    async fn transfer_holder(
        &self,
        request: Request<proto::TransferHolderRequest>,
    ) -> Result<Response<proto::TransferHolderResponse>, Status> {
        let tenant = tenant(&request);
        let mut state = self.state();
        state.asked.push(request.get_ref().clone());
        let mishap = state.mishaps.pop_front();
        match &mishap {
            Some(Mishap::Refuse(fault)) => return Err(fault.clone().into()),
            Some(Mishap::LoseRequest) => return Err(Fault::unavailable("lost on the way").into()),
            _ => {}
        }
        let answer = state.transfer(tenant, request.get_ref());
        drop(state);
        self.tell();
        match mishap {
            Some(Mishap::LoseAnswer) => Err(Fault::unavailable("lost on the way back").into()),
            _ => Ok(Response::new(answer?)),
        }
    }

    async fn resolve_transfer(
        &self,
        request: Request<proto::ResolveTransferRequest>,
    ) -> Result<Response<proto::ResolveTransferResponse>, Status> {
        let key = (tenant(&request), request.into_inner().request_id);
        let mut state = self.state();
        state.resolved += 1;
        let answer = state.answers.entry(key).or_insert(None).clone();
        Ok(Response::new(proto::ResolveTransferResponse { answer }))
    }
}

/// The mark of every place on the feed's one history.
const MARK: u64 = 7;

#[tonic::async_trait]
impl ChangeFeedService for Fake {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let mut seq = request.into_inner().after.unwrap_or_default().seq;
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let fake = self.clone();
        tokio::spawn(async move {
            let mut head = fake.head.subscribe();
            loop {
                head.borrow_and_update();
                let changes: Vec<Change> =
                    fake.state().changes.iter().filter(|change| change.seq > seq).cloned().collect();
                seq = changes.last().map_or(seq, |last| last.seq);
                let cursor = Some(Cursor { seq, mark: MARK });
                let batch = SubscribeResponse { changes, cursor, head_seq: seq, time: None };
                if sender.send(Ok(batch)).await.is_err() || head.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn snapshot(&self, _: Request<SnapshotRequest>) -> Result<Response<SnapshotResponse>, Status> {
        let changes = self.state().changes.clone();
        let head = Some(Cursor { seq: changes.last().map_or(0, |last| last.seq), mark: MARK });
        Ok(Response::new(SnapshotResponse { changes, next_page_token: String::new(), head }))
    }

    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<LocateResponse>, Status> {
        Ok(Response::new(LocateResponse { seq: request.into_inner().outbox_id, ..Default::default() }))
    }
}

/// The two reads, by hand: their services have a dozen methods more.
mod reads {
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use futures::future::BoxFuture;
    use tonic::body::Body;
    use tonic::server::{Grpc, NamedService, UnaryService};
    use tonic_prost::ProstCodec;

    use super::*;

    #[derive(Clone)]
    pub struct Conversations(pub Fake);
    #[derive(Clone)]
    pub struct Channels(pub Fake);

    impl NamedService for Conversations {
        const NAME: &'static str = "tandem.conversation.v1.ConversationService";
    }

    impl NamedService for Channels {
        const NAME: &'static str = "tandem.conversation.v1.ChannelService";
    }

    impl tower::Service<http::Request<Body>> for Conversations {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            assert!(request.uri().path().ends_with("/GetConversation"));
            let service = self.clone();
            Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(service, request).await) })
        }
    }

    impl tower::Service<http::Request<Body>> for Channels {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            assert!(request.uri().path().ends_with("/GetChannel"));
            let service = self.clone();
            Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(service, request).await) })
        }
    }

    impl UnaryService<proto::GetConversationRequest> for Conversations {
        type Response = proto::GetConversationResponse;
        type Future = BoxFuture<'static, Result<Response<Self::Response>, Status>>;

        fn call(&mut self, request: Request<proto::GetConversationRequest>) -> Self::Future {
            let key = (tenant(&request), request.get_ref().conversation_id.parse().unwrap());
            let found = self.0.state().conversations.get(&key).cloned();
            Box::pin(async move {
                let conversation = Some(found.ok_or_else(|| Fault::not_found("conversation"))?);
                let row = Some(proto::ConversationRow { conversation, ..proto::ConversationRow::default() });
                Ok(Response::new(proto::GetConversationResponse { row, contact: None }))
            })
        }
    }

    impl UnaryService<proto::GetChannelRequest> for Channels {
        type Response = proto::GetChannelResponse;
        type Future = BoxFuture<'static, Result<Response<Self::Response>, Status>>;

        fn call(&mut self, request: Request<proto::GetChannelRequest>) -> Self::Future {
            let id = request.get_ref().channel_id.parse().unwrap();
            let team = self.0.state().default_teams.get(&id).copied();
            Box::pin(async move {
                let default_team_id = team.map(|team: Uuid| team.to_string()).unwrap_or_default();
                let policy =
                    Some(proto::ChannelPolicy { default_team_id, ..proto::ChannelPolicy::default() });
                let channel = Some(proto::Channel { policy, ..proto::Channel::default() });
                Ok(Response::new(proto::GetChannelResponse { channel }))
            })
        }
    }
}
