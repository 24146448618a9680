//! Starts the service on free ports with everything that it needs.

pub mod data;
pub mod engine;
pub mod fake_conversation;
pub mod fake_engine;
pub mod fake_feed;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use tandem_access::{KeySource, Role, SigningKey, TokenSpec};
use tandem_ambient::Ambient;
use tandem_bootstrap::{Drain, Secret};
use tandem_proto::search::v1::search_service_client::SearchServiceClient;
use tandem_proto::search::v1::*;
use tandem_search::Config;
use tandem_signed_token::{ChangeToken, ServiceName, Signer};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use uuid::Uuid;

use engine::TestEngine;
use fake_conversation::FakeConversation;
use fake_feed::FakeFeed;

const SIGNING_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The databases and the fakes; services may come and go in it.
pub struct World {
    pub ambient: Ambient,
    pub conversation: Arc<FakeConversation>,
    pub messages: Arc<FakeFeed>,
    pub customers: Arc<FakeFeed>,
    pub database_url: String,
    pub prefix: String,
    key: SigningKey,
    files: TempDir,
    conversation_addr: SocketAddr,
    customer_addr: SocketAddr,
}

/// A running search service and a client of it.
pub struct Service {
    pub client: SearchServiceClient<Channel>,
    pub drain: Drain,
    served: tokio::task::JoinHandle<Result<(), tandem_bootstrap::ServeError>>,
}

/// Says loudly what did not run; true when the test can go on.
pub fn available(name: &str) -> bool {
    let database = std::env::var("TANDEM_TEST_DATABASE_URL").is_ok();
    let engine = TestEngine::available();
    if !database || !engine {
        eprintln!("SKIPPED {name}: set TANDEM_TEST_DATABASE_URL, and TANDEM_DEV_SEARCH or MEILISEARCH_URL");
    }
    database && engine
}

impl World {
    pub async fn new() -> Self {
        let ambient = Ambient::system();
        let admin = std::env::var("TANDEM_TEST_DATABASE_URL").expect("checked by available()");
        let name = format!("search_test_{}", ambient.id().simple());
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
        let (server, _) = admin.rsplit_once('/').unwrap();
        let database_url = format!("{server}/{name}");
        tandem_database::migrate(&database_url, &tandem_search::MIGRATOR).await.unwrap();

        let files = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(&ambient);
        std::fs::write(files.path().join("jwks.json"), key.jwks_json()).unwrap();
        let (messages, customers) = (Arc::new(FakeFeed::new()), Arc::new(FakeFeed::new()));
        let conversation = Arc::new(FakeConversation::default());
        let conversation_addr = fake_conversation::serve(conversation.clone(), messages.clone()).await;
        let customer_addr = fake_feed::serve(customers.clone()).await;
        let prefix = format!("t{}_", ambient.id().simple());
        Self {
            ambient,
            conversation,
            messages,
            customers,
            database_url,
            prefix,
            key,
            files,
            conversation_addr,
            customer_addr,
        }
    }

    /// A service that speaks to this engine.
    pub async fn start(&self, engine_url: &str, engine_key: &str) -> Service {
        self.start_with(engine_url, engine_key, |_| {}).await
    }

    pub async fn start_with(
        &self,
        engine_url: &str,
        engine_key: &str,
        change: impl FnOnce(&mut Config),
    ) -> Service {
        let mut config = Config::default();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        (config.common.server.listen, config.common.server.admin) = (any, any);
        config.common.server.drain_notice_ms = 0;
        config.common.access.keys = KeySource::File(self.files.path().join("jwks.json"));
        config.common.database.url = Secret::new(&self.database_url);
        config.common.signing_keys = vec![Secret::new(SIGNING_KEY)];
        config.common.peers.token = Secret::new(self.token(None, "search", Role::Service));
        config.common.peers.conversation = format!("http://{}", self.conversation_addr);
        config.common.peers.customer_profile = format!("http://{}", self.customer_addr);
        config.search.meilisearch_url = engine_url.to_owned();
        config.search.meilisearch_key = Secret::new(engine_key);
        config.search.index_prefix = self.prefix.clone();
        config.search.scope_cache_ms = 1;
        config.search.lag_poll_ms = 50;
        config.search.lease_s = 2;
        change(&mut config);
        let drain = Drain::manual();
        let running = tandem_search::start(config, self.ambient.clone(), drain.clone()).await.unwrap();
        let channel = Endpoint::from_shared(format!("http://{}", running.grpc_addr)).unwrap().connect_lazy();
        Service { client: SearchServiceClient::new(channel), drain, served: running.served }
    }

    pub fn token(&self, tenant: Option<Uuid>, subject: &str, role: Role) -> String {
        let spec = TokenSpec {
            issuer: "tandem".to_owned(),
            audience: "tandem".to_owned(),
            subject: subject.to_owned(),
            tenant,
            roles: role.into(),
            channels: vec![],
            ttl_s: 3600,
        };
        self.key.mint(&spec, self.ambient.now())
    }

    /// A request of a supervisor, who sees every channel.
    pub fn supervisor<T>(&self, tenant: Uuid, message: T) -> Request<T> {
        self.request(tenant, "supervisor", Role::Supervisor, message)
    }

    pub fn request<T>(&self, tenant: Uuid, subject: &str, role: Role, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token(Some(tenant), subject, role));
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        request.set_timeout(Duration::from_secs(60));
        request
    }

    /// Change tokens of everything that is on the feeds now.
    pub fn fresh(&self) -> Vec<String> {
        let signer = Signer::new(&[SIGNING_KEY.as_bytes().to_vec()]).unwrap();
        [(ServiceName::Conversation, &self.messages), (ServiceName::CustomerProfile, &self.customers)]
            .into_iter()
            .filter(|(_, feed)| feed.head() > 0)
            .map(|(service, feed)| ChangeToken { service, outbox_id: feed.head(), mark: 0 }.encode(&signer))
            .collect()
    }
}

impl Service {
    /// Searches as a supervisor for what is on the feeds now.
    pub async fn messages(
        &mut self,
        world: &World,
        tenant: Uuid,
        query: &str,
    ) -> Result<SearchMessagesResponse, Status> {
        let request = SearchMessagesRequest {
            query: query.to_owned(),
            at_least_as_fresh: world.fresh(),
            ..SearchMessagesRequest::default()
        };
        Ok(self.client.search_messages(world.supervisor(tenant, request)).await?.into_inner())
    }

    /// Ends as on SIGTERM.
    pub async fn stop(self) {
        self.drain.begin();
        self.served.await.unwrap().unwrap();
    }
}

/// The ids of found conversations, in order.
pub fn conversations(found: &SearchMessagesResponse) -> Vec<Uuid> {
    found.conversations.iter().map(|group| group.conversation_id.parse().unwrap()).collect()
}
