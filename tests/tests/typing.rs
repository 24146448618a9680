//! Who types: shown through every process, to nobody who may not see it, and never stored.

use std::time::Duration;

use chrono::TimeDelta;
use sqlx::Row;
use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient;
use tandem_proto::conversation::v1::outbound_service_client::OutboundServiceClient;
use tandem_proto::conversation::v1::watch_conversations_response::Event;
use tandem_proto::conversation::v1::watch_service_client::WatchServiceClient;
use tandem_proto::conversation::v1::{
    CloseConversationRequest, IngestTypingRequest, SignalTypingRequest, SignalTypingResponse, TypingSignal,
    WatchConversationsRequest, WatchConversationsResponse, WatchTypingRequest, WatchTypingResponse,
    WatchedThread,
};
use tandem_proto::r#type::v1::{ActorKind, Identity};
use tandem_tests::{Databases, Kind, Parts, Suite, refused, time, whatsapp};
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

const TYPES: bool = true;
const STOPPED: bool = false;

/// Far above what a signal takes; only the first ones of a process, before it listens, are lost.
const SOON: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(60);

/// An open thread.
struct Thread(Streaming<WatchConversationsResponse>);

impl Thread {
    async fn open(channel: InternalChannel, conversation_ids: &[&str]) -> Self {
        let threads = conversation_ids.iter().enumerate().map(|(number, id)| WatchedThread {
            key: number.to_string(),
            conversation_id: (*id).to_owned(),
            after_position: 0,
        });
        let request =
            WatchConversationsRequest { threads: threads.collect(), ..WatchConversationsRequest::default() };
        let mut thread =
            Self(WatchServiceClient::new(channel).watch_conversations(request).await.unwrap().into_inner());
        for _ in conversation_ids {
            thread.until(|event| matches!(event, Event::SnapshotEnd(_)).then_some(())).await;
        }
        thread
    }

    async fn until<T>(&mut self, is: impl Fn(Event) -> Option<T>) -> T {
        loop {
            let sent = tokio::time::timeout(MOST, self.0.message()).await.expect("waited in vain");
            if let Some(found) = sent.unwrap().unwrap().event.and_then(&is) {
                return found;
            }
        }
    }

    async fn typing(&mut self) -> TypingSignal {
        let typing = |event| match event {
            Event::Typing(signal) => Some(signal),
            _ => None,
        };
        self.until(typing).await
    }
}

async fn signal(
    suite: &Suite,
    number: usize,
    id: &str,
    typing: bool,
    private: bool,
) -> Result<SignalTypingResponse, Status> {
    let request = SignalTypingRequest { conversation_id: id.to_owned(), typing, private };
    suite.as_agent(0, number).signal_typing(request).await.map(tonic::Response::into_inner)
}

async fn customer(suite: &Suite, replica: usize, channel: Uuid, who: Identity, typing: bool) {
    let request = IngestTypingRequest { channel_id: channel.to_string(), identities: vec![who], typing };
    IngestServiceClient::new(suite.as_adapter(replica, channel)).ingest_typing(request).await.unwrap();
}

async fn adapter(suite: &Suite, replica: usize, channel: Uuid) -> Streaming<WatchTypingResponse> {
    let request = WatchTypingRequest { channel_id: channel.to_string() };
    OutboundServiceClient::new(suite.as_adapter(replica, channel))
        .watch_typing(request)
        .await
        .unwrap()
        .into_inner()
}

async fn heard(stream: &mut Streaming<WatchTypingResponse>) -> WatchTypingResponse {
    tokio::time::timeout(MOST, stream.message()).await.expect("waited in vain").unwrap().unwrap()
}

/// Waits until every process listens, by a conversation of its own.
async fn listening(suite: &Suite, channel: Uuid) {
    let who = whatsapp("US.0");
    let id = suite.write(channel, "m0", std::slice::from_ref(&who), "hello").await.conversation_id;
    for replica in 0..2 {
        let mut thread = Thread::open(suite.as_role(replica, "admin", Role::Admin), &[&id]).await;
        loop {
            customer(suite, 0, channel, who.clone(), TYPES).await;
            suite.ambient.clock().advance(TimeDelta::seconds(2));
            if tokio::time::timeout(SOON, thread.typing()).await.is_ok() {
                break;
            }
        }
    }
}

/// What is stored, table by table.
async fn stored(suite: &Suite) -> Vec<i64> {
    let count = |table: &str| format!("(SELECT count(*) FROM {table})");
    let tables = ["message", "timeline", "conversation", "contact", "early_event", "request_log", "outbound"];
    let counts: Vec<String> = tables.into_iter().map(count).collect();
    let outbox = "(SELECT count(*) FROM outbox) + (SELECT seq FROM feed_head)";
    let versions = "(SELECT sum(version)::bigint FROM conversation)";
    let all = format!("SELECT ARRAY[{}, {outbox}, {versions}]", counts.join(", "));
    Databases::rows_of(&suite.conversation_url, &all).await[0].get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_typing_reaches_the_others_and_the_adapter_through_every_process() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    listening(&suite, channel).await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let mut other = Thread::open(suite.as_role(1, "agent-1", Role::Agent), &[&id]).await;
    let mut own = Thread::open(suite.as_role(0, "agent-0", Role::Agent), &[&id]).await;
    let mut adapter = adapter(&suite, 1, channel).await;
    let before = stored(&suite).await;

    signal(&suite, 0, &id, TYPES, true).await.unwrap();
    signal(&suite, 0, &id, TYPES, false).await.unwrap();
    let until = time(suite.ambient.now() + TimeDelta::seconds(8));
    for private in [true, false] {
        let shown = other.typing().await;
        let author = shown.author.unwrap();
        assert_eq!(
            (author.kind(), author.id, author.name),
            (ActorKind::Agent, agents[0].to_string(), "Agent 0".to_owned())
        );
        assert_eq!((shown.conversation_id.as_str(), shown.typing), (id.as_str(), TYPES));
        assert_eq!((shown.private, shown.expire_time), (private, Some(until)));
    }
    // The customer is told nothing of the note.
    let told = heard(&mut adapter).await;
    let shown = told.signal.unwrap();
    assert!(!shown.private && shown.typing && shown.expire_time == Some(until));
    assert_eq!((told.recipient, told.last_external_id.as_str()), (vec![whatsapp("US.1")], "m1"));

    signal(&suite, 0, &id, STOPPED, false).await.unwrap();
    let shown = other.typing().await;
    assert_eq!((shown.typing, shown.expire_time), (STOPPED, None));
    assert!(!heard(&mut adapter).await.signal.unwrap().typing);

    // Nobody is shown what they do themselves.
    signal(&suite, 1, &id, TYPES, false).await.unwrap();
    assert_eq!(own.typing().await.author.unwrap().id, agents[1].to_string());
    assert_eq!(heard(&mut adapter).await.signal.unwrap().author.unwrap().id, agents[1].to_string());

    // The AI, as long as it holds the conversation, and the customer, who is no news to their own adapter.
    let ai = |id: &str| SignalTypingRequest { conversation_id: id.to_owned(), typing: true, private: false };
    suite.as_ai(0).signal_typing(ai(&id)).await.unwrap();
    assert_eq!(own.typing().await.author.unwrap().kind(), ActorKind::Ai);
    customer(&suite, 0, channel, whatsapp("US.1"), TYPES).await;
    let author = own.typing().await.author.unwrap();
    assert_eq!((author.kind(), author.id), (ActorKind::Customer, suite.get(&id).await.contact_id));
    assert_eq!(heard(&mut adapter).await.signal.unwrap().author.unwrap().kind(), ActorKind::Ai);
    assert_eq!(stored(&suite).await, before, "nothing of it is stored");

    suite.take_over(0, &id).await.unwrap();
    refused(suite.as_ai(0).signal_typing(ai(&id)).await, Code::FailedPrecondition, "NOT_HOLDER");
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    let closed = signal(&suite, 1, &id, TYPES, false).await;
    refused(closed, Code::FailedPrecondition, "CONVERSATION_CLOSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_thinned() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    listening(&suite, channel).await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let mut thread = Thread::open(suite.as_role(1, "agent-1", Role::Agent), &[&id]).await;
    for round in 1..=3 {
        for _ in 0..20 {
            signal(&suite, 0, &id, TYPES, false).await.unwrap();
            signal(&suite, 0, &id, STOPPED, false).await.unwrap();
        }
        // The customer's comes last.
        customer(&suite, 0, channel, whatsapp("US.1"), TYPES).await;
        let mut shown = Vec::new();
        loop {
            let signal = thread.typing().await;
            if signal.author.unwrap().kind() == ActorKind::Customer {
                break;
            }
            shown.push(signal.typing);
        }
        assert_eq!(shown, [TYPES, STOPPED], "round {round}");
        suite.ambient.clock().advance(TimeDelta::seconds(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_what_is_not_theirs() {
    let mut suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let (seen, hidden) = (suite.create_channel().await, suite.create_channel().await);
    listening(&suite, seen).await;
    let one = suite.write(seen, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let two = suite.write(hidden, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    // Both are open, then the team loses a line.
    let mut thread = Thread::open(suite.as_role(1, "agent-0", Role::Agent), &[&one, &two]).await;
    let mut line = adapter(&suite, 1, seen).await;
    suite.narrow_team(seen).await;
    thread.until(|event| matches!(event, Event::RemovedConversationId(_)).then_some(())).await;
    refused(signal(&suite, 0, &two, TYPES, false).await, Code::NotFound, "NOT_FOUND");
    // Another tenant's, before one of its own.
    let (tenant, other) = (suite.tenant, suite.ambient.id());
    suite.create_tenant(other).await;
    suite.tenant = other;
    let theirs = suite.create_channel().await;
    let three = suite.write(theirs, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let mut stranger = Thread::open(suite.as_role(1, "admin", Role::Admin), &[&three]).await;
    suite.tenant = tenant;
    refused(signal(&suite, 0, &three, TYPES, false).await, Code::NotFound, "NOT_FOUND");
    for (channel, typing) in [(hidden, TYPES), (seen, TYPES)] {
        customer(&suite, 0, channel, whatsapp("US.1"), typing).await;
    }
    let ai = |id: &str| SignalTypingRequest { conversation_id: id.to_owned(), typing: true, private: false };
    for id in [&two, &one] {
        suite.as_ai(0).signal_typing(ai(id)).await.unwrap();
    }
    assert_eq!(thread.typing().await.conversation_id, one, "of the hidden line nothing");
    assert_eq!(heard(&mut line).await.signal.unwrap().conversation_id, one, "each adapter its own line");
    suite.tenant = other;
    customer(&suite, 0, theirs, whatsapp("US.1"), TYPES).await;
    assert_eq!(stranger.typing().await.conversation_id, three);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_makes_nobody_known_by_it_and_speaks_for_its_own_line() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    let before = stored(&suite).await;
    for who in ["US.1", "US.2"] {
        customer(&suite, 1, channel, whatsapp(who), TYPES).await;
    }
    assert_eq!(stored(&suite).await, before, "a closed one stays closed, a stranger a stranger");
    let other = suite.create_channel().await;
    let spec = TokenSpec { channels: vec![channel], ..suite.spec("adapter", Role::Channel) };
    let line = suite.channel(Kind::Conversation, 0, &spec);
    let request = IngestTypingRequest {
        channel_id: other.to_string(),
        identities: vec![whatsapp("US.1")],
        typing: true,
    };
    let answer = IngestServiceClient::new(line.clone()).ingest_typing(request).await;
    refused(answer, Code::PermissionDenied, "CHANNEL_NOT_ALLOWED");
    let request = WatchTypingRequest { channel_id: other.to_string() };
    let answer = OutboundServiceClient::new(line).watch_typing(request).await;
    refused(answer, Code::PermissionDenied, "CHANNEL_NOT_ALLOWED");
    // Admins do not type, and nobody types who is no agent.
    let request = SignalTypingRequest { conversation_id: id, typing: true, private: false };
    let answer = suite.as_admin().signal_typing(request.clone()).await;
    refused(answer, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    let answer = suite.conversations(0, "lead", Role::Supervisor).signal_typing(request).await;
    refused(answer, Code::FailedPrecondition, "AGENT_INACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapters_stream_ends_with_its_token_and_with_the_process() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let spec = suite.spec("adapter", Role::Channel);
    let short = TokenSpec { channels: vec![channel], ttl_s: 60, ..spec };
    let request = WatchTypingRequest { channel_id: channel.to_string() };
    let mut line = OutboundServiceClient::new(suite.channel(Kind::Conversation, 0, &short));
    let mut expiring = line.watch_typing(request).await.unwrap().into_inner();
    let mut draining = adapter(&suite, 0, channel).await;
    suite.ambient.clock().advance(TimeDelta::minutes(2));
    refused(expiring.message().await, Code::Unauthenticated, "TOKEN_EXPIRED");
    suite.stop().await;
    refused(draining.message().await, Code::Unavailable, "SHUTTING_DOWN");
}
