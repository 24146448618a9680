//! Who writes, who reads along, and how tests reach them.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::{ClientConfig, InternalChannel, Secret, internal_channel};
use tandem_database::{DatabaseConfig, Pool, connect};
use tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient;
use tandem_proto::conversation::v1::{IngestItem, IngestMessagesRequest, IngestMessagesResponse};
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{ChangeKind, Cursor, SubscribeRequest, SubscribeResponse};
use tandem_tests::{Kind, Process, Suite, eventually, free, item, version, whatsapp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Guards a wait that only a broken build runs into.
pub const GUARD: Duration = Duration::from_secs(60);

/// The database behind a URL, to look at and to write by hand: without the services' time-outs.
pub fn pool(url: &str) -> Pool {
    sqlx::postgres::PgPoolOptions::new().max_connections(8).connect_lazy(url).unwrap()
}

/// The database behind a URL as a service opens it.
pub fn service_pool(url: &str) -> Pool {
    connect(url, &DatabaseConfig::default(), "tests").unwrap()
}

/// The token of one service to another.
fn service_token(suite: &Suite) -> String {
    suite.mint(&TokenSpec { tenant: None, ..suite.spec("service", Role::Service) })
}

/// A channel to a conversation replica of the suite, as a service that follows its feed.
pub fn as_service(suite: &Suite, replica: usize) -> InternalChannel {
    suite.channel_with(Kind::Conversation, replica, service_token(suite))
}

/// What a service process needs to follow the feed: endpoint and token.
pub fn feed_source(suite: &Suite) -> (String, String) {
    (format!("http://{}", suite.address(Kind::Conversation, 0)), service_token(suite))
}

/// The conversation service as a process of its own on the suite's database.
pub struct Served {
    pub process: Process,
    pub address: SocketAddr,
}

impl Served {
    /// Starts it and waits until it listens.
    pub async fn start(suite: &Suite) -> Self {
        let address = free();
        let environment = suite.environment(address, &suite.conversation_url);
        let process = Process::spawn("tandem-conversation", &environment);
        eventually("a conversation process that listens", || async {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self { process, address }
    }

    /// A channel to it, as the adapter of a line.
    pub fn door(&self, suite: &Suite, channel: Uuid) -> InternalChannel {
        let spec = TokenSpec { channels: vec![channel], ..suite.spec("adapter", Role::Channel) };
        let endpoint = format!("http://{}", self.address);
        let token = Secret::new(suite.mint(&spec));
        internal_channel(&ClientConfig { endpoint, token, ..ClientConfig::default() }).unwrap()
    }
}

/// Ingests as an adapter does: until it is acknowledged, through whichever door answers.
pub async fn ingest(
    doors: &[InternalChannel],
    channel: Uuid,
    items: Vec<IngestItem>,
) -> IngestMessagesResponse {
    let mut doors = doors.iter().cycle();
    eventually("an ingest", || {
        let mut client = IngestServiceClient::new(doors.next().unwrap().clone());
        let request = IngestMessagesRequest { channel_id: channel.to_string(), items: items.clone() };
        async move { client.ingest_messages(request).await.ok().map(tonic::Response::into_inner) }
    })
    .await
}

/// Adapters that bring customers' messages at a steady pace until they are told to stop: short transactions.
pub struct Writers {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Two writers for each door; each goes to the next when its own does not answer. Their contacts are their own.
    pub fn start(channel: Uuid, doors: &[InternalChannel]) -> Self {
        let stop = CancellationToken::new();
        let write = |writer: usize| {
            let stop = stop.clone();
            let mut doors = doors.to_vec();
            let first = writer % doors.len();
            doors.rotate_left(first);
            async move {
                // A customer's pace: as fast as the machine can would only make the tests longer.
                let mut pace = interval(Duration::from_millis(20));
                pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
                for round in 0.. {
                    if stop.is_cancelled() {
                        return;
                    }
                    pace.tick().await;
                    let items = (0..3).map(|n| {
                        let who = whatsapp(&format!("w{writer}-{}", (round + n) % 40));
                        item(format!("w{writer}-{round}-{n}"), vec![who], format!("words {round} {n}"))
                    });
                    ingest(&doors, channel, items.collect()).await;
                }
            }
        };
        let tasks = (0..doors.len() * 2).map(|writer| tokio::spawn(write(writer))).collect();
        Self { stop, tasks }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// What a subscriber saw, checked as it comes: numbers grow, events come once, versions never go down.
#[derive(Debug, Default)]
pub struct Seen {
    pub cursor: Cursor,
    last_seq: i64,
    pub events: HashSet<Uuid>,
    pub versions: HashMap<(i16, Uuid), i64>,
}

impl Seen {
    pub fn take(&mut self, response: SubscribeResponse) {
        for change in response.changes {
            assert!(change.seq > self.last_seq, "{} came after {}", change.seq, self.last_seq);
            self.last_seq = change.seq;
            let id = change.entity_id.parse().unwrap();
            if change.kind() == ChangeKind::TimelineEntry {
                assert!(change.body.is_some(), "an event without its entry");
                assert!(self.events.insert(id), "an event came twice");
                continue;
            }
            let now = version(&change);
            let before = self.versions.insert((i16::try_from(change.kind).unwrap(), id), now);
            assert!(before.is_none_or(|before| before <= now), "an older state came after a newer one");
        }
        let cursor = response.cursor.unwrap();
        assert!(cursor.seq >= self.last_seq && cursor.seq >= self.cursor.seq);
        self.cursor = cursor;
    }
}

/// Follows the feed of a replica from the beginning, until it is at the place that `end` names.
pub fn subscribe(
    suite: &Arc<Suite>,
    replica: usize,
    mut end: watch::Receiver<Option<i64>>,
) -> JoinHandle<Seen> {
    let mut client = ChangeFeedServiceClient::new(as_service(suite, replica));
    tokio::spawn(async move {
        let mut seen = Seen::default();
        let mut stream = client.subscribe(SubscribeRequest::default()).await.unwrap().into_inner();
        while end.borrow().is_none_or(|end| seen.cursor.seq < end) {
            tokio::select! {
                response = timeout(GUARD, stream.message()) => seen.take(response.unwrap().unwrap().unwrap()),
                changed = end.changed(), if end.borrow().is_none() => changed.unwrap(),
            }
        }
        seen
    })
}
