use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use tandem_access::{Caller, Role, Roles};
use tandem_ambient::Ambient;
use tandem_bootstrap::{ClientConfig, internal_channel};
use tandem_change_feed::{Apply, Freshness, Sequencer};
use tandem_database::DatabaseConfig;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::assignment::v1::directory_service_server::DirectoryService;
use tandem_signed_token::{ServiceName, Signer};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Request;
use uuid::Uuid;

use super::database::Database;
use super::fake::Fake;
use crate::domain::App;
use crate::domain::notification::Hub;
use crate::domain::operation;
use crate::feed::ConversationFeed;
use crate::peer::Conversations;
use crate::rpc;
use crate::ticker::tick;

pub const TENANT: Uuid = Uuid::from_u128(0x7e);
pub const OTHER_TENANT: Uuid = Uuid::from_u128(0x7f);
pub const CHANNEL: Uuid = Uuid::from_u128(0xc1);
pub const OTHER_CHANNEL: Uuid = Uuid::from_u128(0xc2);

pub fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// The service without its ports: what a call does, does so when the test says it.
pub struct Sandbox {
    pub app: App,
    pub fake: Fake,
    pub directory: rpc::Directory,
    pub assignment: rpc::Assignment,
    pub notifications: rpc::Notifications,
    pub presences: rpc::Presences,
    pub operations: rpc::Operations,
    pub overview: rpc::Overview,
    pub feed: ConversationFeed,
    applied: AtomicUsize,
    _stop: DropGuard,
    // Last: it goes after everything that is connected to it.
    _database: Database,
}

impl Sandbox {
    pub async fn start() -> Self {
        let (database, fake) = (Database::new().await, Fake::start().await);
        let ambient = Ambient::manual(time(), 1);
        // A slow machine must not look like a busy service.
        let config = DatabaseConfig { acquire_timeout_ms: 20_000, ..DatabaseConfig::default() };
        let pool = tandem_database::connect(&database.url(), &config, "test").unwrap();
        let signer = Signer::new(&[vec![1; 32]]).unwrap();
        let stop = CancellationToken::new();
        let sequencer = Sequencer::spawn(pool.clone(), ambient.clone(), stop.clone());
        let freshness = Freshness::new(ServiceName::Assignment, signer.clone(), pool.clone(), Vec::new());
        let client = ClientConfig { endpoint: format!("http://{}", fake.addr), ..ClientConfig::default() };
        let conversations = Conversations::new(internal_channel(&client).unwrap(), 4 << 20);
        let app = App { pool: pool.clone(), ambient: ambient.clone(), sequencer, freshness, conversations };
        let hub = Hub::default();
        tokio::spawn(hub.clone().run(pool, stop.clone()));
        Self {
            directory: rpc::Directory { app: app.clone(), signer: signer.clone() },
            assignment: rpc::Assignment { app: app.clone() },
            presences: rpc::Presences { app: app.clone() },
            operations: rpc::Operations { app: app.clone(), signer: signer.clone() },
            overview: rpc::Overview { app: app.clone(), signer: signer.clone() },
            notifications: rpc::Notifications {
                app: app.clone(),
                hub: hub.clone(),
                signer,
                end: stop.clone(),
            },
            feed: ConversationFeed { ambient, hub },
            app,
            fake,
            applied: AtomicUsize::new(0),
            _stop: stop.drop_guard(),
            _database: database,
        }
    }

    /// Applies what the fake's feed holds by now.
    pub async fn catch_up(&self) {
        let changes = self.fake.state().changes.clone();
        let from = self.applied.swap(changes.len(), Ordering::SeqCst);
        self.apply(1, &changes[from..]).await;
    }

    pub async fn apply(&self, generation: i64, changes: &[tandem_change_feed::Change]) {
        let mut tx = tandem_database::begin(&self.app.pool).await.unwrap();
        self.feed.apply(&mut tx, generation, changes).await.unwrap();
        tx.commit().await.unwrap();
        self.feed.hub.committed();
    }

    /// A new agent whose subject is its name. Answers its id.
    pub async fn agent(&self, name: &str, capacity: i32) -> Uuid {
        let agent = proto::Agent {
            subject: name.to_owned(),
            display_name: name.to_owned(),
            capacity,
            ..proto::Agent::default()
        };
        let message = proto::CreateAgentRequest { request_id: self.id(), agent: Some(agent) };
        let created = self.directory.create_agent(admin(message)).await.unwrap().into_inner();
        created.agent.unwrap().id.parse().unwrap()
    }

    /// A new team that sees the test's channel. Answers its id.
    pub async fn team(&self, name: &str, members: &[Uuid]) -> Uuid {
        let team = proto::Team {
            display_name: name.to_owned(),
            agent_ids: members.iter().map(Uuid::to_string).collect(),
            channel_ids: vec![CHANNEL.to_string()],
            ..proto::Team::default()
        };
        let message = proto::CreateTeamRequest { request_id: self.id(), team: Some(team) };
        let created = self.directory.create_team(admin(message)).await.unwrap().into_inner();
        created.team.unwrap().id.parse().unwrap()
    }

    /// A new conversation that the AI holds, known here.
    pub async fn conversation(&self) -> Uuid {
        let id = self.fake.conversation(TENANT, CHANNEL, true);
        self.catch_up().await;
        id
    }

    /// Conversations that the AI held and that an agent holds now, by a supervisor's word.
    pub async fn given(&self, agent: Uuid, count: usize) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let id = self.conversation().await;
            self.assign(id, Assignee::AgentId(agent.to_string())).await;
            ids.push(id);
        }
        ids
    }

    /// Assigns a conversation, whoever holds it, and lets the service know of it.
    pub async fn assign(&self, conversation: Uuid, to: Assignee) {
        let message = proto::AssignRequest {
            request_id: self.id(),
            conversation_id: conversation.to_string(),
            assignee: Some(to),
            force: true,
            ..proto::AssignRequest::default()
        };
        self.assignment.assign(admin(message)).await.unwrap();
        self.catch_up().await;
    }

    /// What happens by itself: ticks, operations and the feed, until they have nothing more to do.
    pub async fn settle(&self) {
        for _ in 0..4 {
            tick(&self.app).await.unwrap();
            operation::carry_on(&self.app).await.unwrap();
            self.catch_up().await;
        }
    }

    /// Who holds a conversation, and since how many changes of holder: kind and id.
    pub fn holder(&self, conversation: Uuid) -> (i32, String, i64) {
        let state = self.fake.state();
        let conversation = &state.conversations[&(TENANT, conversation)];
        let holder = conversation.holder.clone().unwrap();
        (holder.kind, holder.id, conversation.epoch)
    }

    /// How many conversations an agent is shown to hold.
    pub async fn held(&self, agent: Uuid) -> i32 {
        let message = proto::GetAgentRequest { agent_id: agent.to_string() };
        self.directory.get_agent(admin(message)).await.unwrap().into_inner().agent.unwrap().held
    }

    /// A fresh request id.
    pub fn id(&self) -> String {
        self.app.ambient.id().to_string()
    }
}

/// A call under a subject and its roles.
pub fn call<T>(tenant: Uuid, subject: &str, roles: impl Into<Roles>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Caller::new(Some(tenant), subject, roles));
    request
}

pub fn admin<T>(message: T) -> Request<T> {
    call(TENANT, "admin", Role::Admin, message)
}

pub fn agent<T>(subject: &str, message: T) -> Request<T> {
    call(TENANT, subject, Role::Agent, message)
}

pub fn supervisor<T>(subject: &str, message: T) -> Request<T> {
    call(TENANT, subject, [Role::Agent, Role::Supervisor], message)
}

pub fn ai<T>(message: T) -> Request<T> {
    call(TENANT, "ai", Role::Ai, message)
}
