use std::collections::HashMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Mutex;

use tandem_access::{AccessConfig, KeySource, Role, Roles, SigningKey, TokenSpec};
use tandem_ambient::{Ambient, Clock};
use tandem_assembly::{Common, DatabaseSection, Peers, Running};
use tandem_bootstrap::{ClientConfig, Drain, InternalChannel, Secret, ServerConfig, internal_channel};
use tandem_database::DatabaseConfig;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::{Agent, CreateAgentRequest, CreateTeamRequest, Team};
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient;
use tandem_proto::conversation::v1::tenant_service_client::TenantServiceClient;
use tandem_proto::conversation::v1::{
    Channel, ChannelPolicy, CreateChannelRequest, CreateTenantRequest, IngestItem, IngestMessagesRequest,
    IngestMessagesResponse,
};
use tandem_proto::r#type::v1::ChannelKind;
use tempfile::TempDir;
use uuid::Uuid;

use crate::Databases;

/// A service of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Conversation,
    Assignment,
    CustomerProfile,
    Search,
}

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Processes of the conversation service on one database; in-process replicas with pools and sequencers of their own.
    pub conversations: usize,
    /// Processes of the assignment service on one database, as above.
    pub assignments: usize,
    pub customer_profile: bool,
    /// Needs `MEILISEARCH_URL`.
    pub search: bool,
}

impl Parts {
    pub const CONVERSATION: Self =
        Self { conversations: 1, assignments: 0, customer_profile: false, search: false };
    pub const TWO_CONVERSATIONS: Self = Self { conversations: 2, ..Self::CONVERSATION };
    pub const WITH_ASSIGNMENT: Self = Self { conversations: 2, assignments: 1, ..Self::CONVERSATION };
    pub const TWO_ASSIGNMENTS: Self = Self { assignments: 2, ..Self::WITH_ASSIGNMENT };
    pub const ALL: Self = Self { conversations: 2, assignments: 1, customer_profile: true, search: true };
}

/// The running suite with one tenant.
pub struct Suite {
    pub ambient: Ambient,
    pub tenant: Uuid,
    pub conversation_url: String,
    /// Empty without the service.
    pub assignment_url: String,
    pub databases: Databases,
    conversations: Vec<SocketAddr>,
    assignments: Vec<SocketAddr>,
    customer_profile: SocketAddr,
    searches: Vec<SocketAddr>,
    /// Of the indexes.
    pub(crate) index_prefix: String,
    key: SigningKey,
    folder: TempDir,
    drain: Drain,
    running: Vec<Running>,
    /// Connections by address and token, which calls share.
    channels: Mutex<HashMap<String, InternalChannel>>,
}

/// An address that was free a moment ago. Below the ports that the system gives to connections: one of these, of whichever test,
/// could take it before the service listens there. Nor does another test: a lock on a file holds the port for this process.
pub fn free() -> SocketAddr {
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    loop {
        let port = u16::from_be_bytes(Ambient::system().bytes()) % 20_000 + 11_000;
        let held = File::create(std::env::temp_dir().join(format!("tandem-port-{port}"))).unwrap();
        if held.try_lock().is_ok()
            && let Ok(listener) = TcpListener::bind(("127.0.0.1", port))
        {
            HELD.lock().unwrap().push(held);
            return listener.local_addr().unwrap();
        }
    }
}

/// Where the engine is.
///
/// # Panics
/// Without an engine.
pub fn engine_url() -> String {
    std::env::var("MEILISEARCH_URL").expect("MEILISEARCH_URL names an engine; `make test` starts one")
}

impl Suite {
    /// Starts the parts on the system's clock.
    pub async fn start(parts: Parts) -> Self {
        tandem_bootstrap::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::shared(&folder.path().join("clock"), Ambient::system().now()).unwrap();
        let ambient = Ambient::new(clock);
        let key = SigningKey::generate(&ambient);
        std::fs::write(folder.path().join("jwks.json"), key.jwks_json()).unwrap();
        let mut suite = Self {
            index_prefix: format!("t{}_", ambient.id().simple()),
            tenant: ambient.id(),
            ambient,
            conversation_url: String::new(),
            assignment_url: String::new(),
            databases: Databases::server(),
            conversations: (0..parts.conversations).map(|_| free()).collect(),
            // One address at least, for who asks in vain.
            assignments: (0..parts.assignments.max(1)).map(|_| free()).collect(),
            customer_profile: free(),
            // One address at least, as above.
            searches: vec![free()],
            key,
            folder,
            drain: Drain::manual(),
            running: Vec::new(),
            channels: Mutex::default(),
        };
        suite.serve(parts).await;
        suite.create_tenant(suite.tenant).await;
        suite
    }

    async fn serve(&mut self, parts: Parts) {
        self.conversation_url = self.databases.create(&tandem_conversation::MIGRATOR).await;
        for address in self.conversations.clone() {
            let common = self.common(address, &self.conversation_url);
            // Tests move the clock and then wait for a tick.
            let conversation = tandem_conversation::Settings { tick_ms: 100 };
            let config = tandem_conversation::Config { common, conversation };
            let started = tandem_conversation::start(config, self.ambient.clone(), self.drain.clone()).await;
            self.running.push(started.unwrap());
        }
        if parts.assignments > 0 {
            self.assignment_url = self.databases.create(&tandem_assignment::MIGRATOR).await;
            for address in self.assignments.clone() {
                let common = self.common(address, &self.assignment_url);
                let config = tandem_assignment::Config { common };
                let started =
                    tandem_assignment::start(config, self.ambient.clone(), self.drain.clone()).await;
                self.running.push(started.unwrap());
            }
        }
        if parts.customer_profile {
            let url = self.databases.create(&tandem_customer_profile::MIGRATOR).await;
            let common = self.common(self.customer_profile, &url);
            let config =
                tandem_customer_profile::Config { common, ..tandem_customer_profile::Config::default() };
            let started =
                tandem_customer_profile::start(config, self.ambient.clone(), self.drain.clone()).await;
            self.running.push(started.unwrap());
        }
        if parts.search {
            self.serve_search().await;
        }
    }

    /// Starts the search service: later than the others where that is what a test is about.
    pub async fn serve_search(&mut self) {
        self.serve_search_at(0, |_| {}).await;
    }

    /// Starts a second search service, with indexes of its own, as `replica` 1.
    pub async fn serve_another_search(&mut self, change: impl FnOnce(&mut tandem_search::Config)) {
        self.searches.push(free());
        self.serve_search_at(self.searches.len() - 1, change).await;
    }

    async fn serve_search_at(&mut self, number: usize, change: impl FnOnce(&mut tandem_search::Config)) {
        let url = self.databases.create(&tandem_search::MIGRATOR).await;
        let mut config =
            tandem_search::Config { common: self.common(self.searches[number], &url), ..Default::default() };
        (config.search.meilisearch_url, config.search.index_prefix) =
            (engine_url(), format!("{}{number}_", self.index_prefix));
        config.search.meilisearch_key = Secret::new(&self.engine_key(&config.search.index_prefix).await);
        change(&mut config);
        let started = tandem_search::start(config, self.ambient.clone(), self.drain.clone()).await;
        self.running.push(started.unwrap());
    }

    /// A key of the engine for indexes whose names begin so, as the service is run; none where the engine wants none.
    async fn engine_key(&self, prefix: &str) -> String {
        let master = std::env::var("MEILISEARCH_KEY").unwrap_or_default();
        if master.is_empty() {
            return master;
        }
        tandem_search::operate::make_key(&engine_url(), &master, prefix).await.unwrap()
    }

    /// The environment of a search process that reaches the engine at a URL.
    pub async fn search_environment(&self, engine: &str, database_url: &str) -> Vec<(String, String)> {
        let mut environment = self.environment(self.searches[0], database_url);
        let prefix = format!("{}p_", self.index_prefix);
        let key = self.engine_key(&prefix).await;
        for (setting, value) in
            [("MEILISEARCH_URL", engine), ("MEILISEARCH_KEY", &key), ("INDEX_PREFIX", &prefix)]
        {
            environment.push((format!("TANDEM_SEARCH__{setting}"), value.to_owned()));
        }
        environment
    }

    /// The common configuration of a service that listens at an address.
    pub fn common(&self, listen: SocketAddr, database_url: &str) -> Common {
        let peer = |address: SocketAddr| format!("http://{address}");
        let service = TokenSpec { tenant: None, ..self.spec("service", Role::Service) };
        Common {
            server: ServerConfig {
                listen,
                admin: "127.0.0.1:0".parse().unwrap(),
                drain_notice_ms: 0,
                ..ServerConfig::default()
            },
            access: AccessConfig {
                keys: KeySource::File(self.folder.path().join("jwks.json")),
                ..AccessConfig::default()
            },
            // A slow machine must not look like a busy service.
            database: DatabaseSection {
                url: Secret::new(database_url),
                pool: DatabaseConfig { acquire_timeout_ms: 20_000, ..DatabaseConfig::default() },
            },
            signing_keys: vec![Secret::new("a signing key that only tests know!")],
            peers: Peers {
                token: Secret::new(self.key.mint(&service, Ambient::system().now())),
                ca: None,
                conversation: peer(self.conversations[0]),
                assignment: peer(self.assignments[0]),
                customer_profile: peer(self.customer_profile),
                search: peer(self.searches[0]),
            },
            clock_file: Some(self.folder.path().join("clock")),
            ..Common::default()
        }
    }

    /// The environment that gives a service process the same configuration.
    pub fn environment(&self, listen: SocketAddr, database_url: &str) -> Vec<(String, String)> {
        let common = self.common(listen, database_url);
        let pair = |key: &str, value: String| (format!("TANDEM_COMMON__{key}"), value);
        vec![
            pair("SERVER__LISTEN", listen.to_string()),
            pair("SERVER__ADMIN", common.server.admin.to_string()),
            pair("SERVER__DRAIN_NOTICE_MS", "0".to_owned()),
            pair("ACCESS__KEYS__FILE", self.folder.path().join("jwks.json").display().to_string()),
            pair("DATABASE__URL", database_url.to_owned()),
            pair("SIGNING_KEYS", format!("[\"{}\"]", common.signing_keys[0].expose())),
            pair("PEERS__TOKEN", common.peers.token.expose().to_owned()),
            pair("PEERS__CONVERSATION", common.peers.conversation),
            pair("PEERS__ASSIGNMENT", common.peers.assignment),
            pair("PEERS__CUSTOMER_PROFILE", common.peers.customer_profile),
            pair("PEERS__SEARCH", common.peers.search),
            pair("CLOCK_FILE", self.folder.path().join("clock").display().to_string()),
        ]
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a token of one role says; change it before minting where a test needs more.
    pub fn spec(&self, subject: &str, role: Role) -> TokenSpec {
        TokenSpec {
            issuer: "tandem".to_owned(),
            audience: "tandem".to_owned(),
            subject: subject.to_owned(),
            tenant: Some(self.tenant),
            roles: Roles::from(role),
            channels: Vec::new(),
            // Tests move their clock by days.
            ttl_s: 365 * 86_400,
        }
    }

    pub fn mint(&self, spec: &TokenSpec) -> String {
        self.key.mint(spec, self.ambient.now())
    }

    /// A channel to a service under a token; `replica` picks a process of it, where there are several.
    pub fn channel(&self, kind: Kind, replica: usize, spec: &TokenSpec) -> InternalChannel {
        let key = format!("{} {spec:?}", self.address(kind, replica));
        let mut channels = self.channels.lock().unwrap();
        let channel =
            channels.entry(key).or_insert_with(|| self.channel_with(kind, replica, self.mint(spec)));
        channel.clone()
    }

    pub fn channel_with(&self, kind: Kind, replica: usize, token: String) -> InternalChannel {
        let endpoint = format!("http://{}", self.address(kind, replica));
        internal_channel(&ClientConfig { endpoint, token: Secret::new(token), ..ClientConfig::default() })
            .unwrap()
    }

    pub fn address(&self, kind: Kind, replica: usize) -> SocketAddr {
        match kind {
            Kind::Conversation => self.conversations[replica % self.conversations.len()],
            Kind::Assignment => self.assignments[replica % self.assignments.len()],
            Kind::CustomerProfile => self.customer_profile,
            Kind::Search => self.searches[replica % self.searches.len()],
        }
    }

    /// A channel to a conversation process as one subject and role.
    pub fn as_role(&self, replica: usize, subject: &str, role: Role) -> InternalChannel {
        self.channel(Kind::Conversation, replica, &self.spec(subject, role))
    }

    /// A channel to a conversation process as the adapter of a line.
    pub fn as_adapter(&self, replica: usize, channel: Uuid) -> InternalChannel {
        let spec = TokenSpec { channels: vec![channel], ..self.spec("adapter", Role::Channel) };
        self.channel(Kind::Conversation, replica, &spec)
    }

    pub async fn create_tenant(&self, tenant: Uuid) {
        let spec = TokenSpec { tenant: None, ..self.spec("service", Role::Service) };
        let mut tenants = TenantServiceClient::new(self.channel(Kind::Conversation, 0, &spec));
        let request = CreateTenantRequest { tenant_id: tenant.to_string(), name: "test".to_owned() };
        tenants.create_tenant(request).await.unwrap();
    }

    /// A new line with an AI and otherwise the default policy.
    pub async fn create_channel(&self) -> Uuid {
        self.create_channel_with(ChannelPolicy { ai_enabled: true, ..ChannelPolicy::default() }).await
    }

    pub async fn create_channel_with(&self, policy: ChannelPolicy) -> Uuid {
        let mut channels = ChannelServiceClient::new(self.as_role(0, "admin", Role::Admin));
        let channel = Channel {
            kind: ChannelKind::Whatsapp.into(),
            display_name: "line".to_owned(),
            policy: Some(policy),
            ..Channel::default()
        };
        let request =
            CreateChannelRequest { request_id: self.ambient.id().to_string(), channel: Some(channel) };
        let created = channels.create_channel(request).await.unwrap().into_inner();
        created.channel.unwrap().id.parse().unwrap()
    }

    /// Ingests through one of the conversation processes.
    pub async fn ingest(
        &self,
        replica: usize,
        channel: Uuid,
        items: Vec<IngestItem>,
    ) -> IngestMessagesResponse {
        let mut ingest = IngestServiceClient::new(self.as_adapter(replica, channel));
        let request = IngestMessagesRequest { channel_id: channel.to_string(), items };
        ingest.ingest_messages(request).await.unwrap().into_inner()
    }

    /// Agents `agent-0`, `agent-1`, … in one team that sees every channel. Answers the agents' ids, the team's, and the
    /// change token of the team.
    pub async fn create_agents(&self, count: usize) -> (Vec<Uuid>, Uuid, String) {
        self.create_crew(vec![Agent::default(); count]).await
    }

    /// As `create_agents`, each with values of its own; subjects and names are set here.
    pub async fn create_crew(&self, crew: Vec<Agent>) -> (Vec<Uuid>, Uuid, String) {
        let channel = self.channel(Kind::Assignment, 0, &self.spec("admin", Role::Admin));
        let mut directory = DirectoryServiceClient::new(channel);
        let mut agents = Vec::new();
        for (number, agent) in crew.into_iter().enumerate() {
            let (subject, display_name) = (format!("agent-{number}"), format!("Agent {number}"));
            let agent = Agent { subject, display_name, ..agent };
            let request =
                CreateAgentRequest { request_id: self.ambient.id().to_string(), agent: Some(agent) };
            let created = directory.create_agent(request).await.unwrap().into_inner();
            agents.push(created.agent.unwrap().id.parse().unwrap());
        }
        let team = Team {
            display_name: "everybody".to_owned(),
            agent_ids: agents.iter().map(Uuid::to_string).collect(),
            all_channels: true,
            ..Team::default()
        };
        let request = CreateTeamRequest { request_id: self.ambient.id().to_string(), team: Some(team) };
        let created = directory.create_team(request).await.unwrap().into_inner();
        (agents, created.team.unwrap().id.parse().unwrap(), created.change_token)
    }

    /// Drains everything and waits for it.
    pub async fn stop(mut self) {
        self.drain.begin();
        for running in self.running.drain(..) {
            running.served.await.unwrap().unwrap();
        }
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.drain.begin();
    }
}
