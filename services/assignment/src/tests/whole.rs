//! The service with its ports, tokens and background work.

use futures::StreamExt;
use serde_json::json;
use tandem_access::{Role, Roles, SigningKey, TokenSpec};
use tandem_ambient::Ambient;
use tandem_bootstrap::Drain;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::notification_service_client::NotificationServiceClient;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{SubscribeRequest, change::Body};
use tandem_signed_token::{ChangeToken, ServiceName, Signer};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use super::database::Database;
use super::fake::Fake;
use super::guarded;
use super::sandbox::{CHANNEL, OTHER_TENANT, TENANT, time};
use crate::Config;

const SIGNING_KEY: &str = "0123456789abcdef0123456789abcdef";

struct Whole {
    fake: Fake,
    ambient: Ambient,
    key: SigningKey,
    channel: Channel,
    drain: Drain,
    served: tokio::task::JoinHandle<()>,
    _keys: tempfile::TempDir,
    _database: Database,
}

impl Whole {
    async fn start() -> Self {
        let (database, fake) = (Database::new().await, Fake::start().await);
        let ambient = Ambient::manual(time(), 1);
        let (key, keys) = (SigningKey::generate(&ambient), tempfile::tempdir().unwrap());
        let path = keys.path().join("jwks.json");
        std::fs::write(&path, key.jwks_json()).unwrap();
        let config: Config = serde_json::from_value(json!({ "common": {
            "server": { "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "drain_notice_ms": 0 },
            "access": { "keys": { "file": path } },
            "database": { "url": database.url() },
            "signing_keys": [SIGNING_KEY],
            "peers": { "conversation": format!("http://{}", fake.addr) },
        }}))
        .unwrap();
        let drain = Drain::manual();
        let running = crate::start(config, ambient.clone(), drain.clone()).await.unwrap();
        let served = tokio::spawn(async move { running.served.await.unwrap().unwrap() });
        let endpoint = Channel::from_shared(format!("http://{}", running.grpc_addr)).unwrap();
        let channel = endpoint.connect_lazy();
        Self { fake, ambient, key, channel, drain, served, _keys: keys, _database: database }
    }

    fn request<T>(
        &self,
        tenant: Option<Uuid>,
        subject: &str,
        roles: impl Into<Roles>,
        message: T,
    ) -> Request<T> {
        let spec = TokenSpec {
            issuer: "tandem".to_owned(),
            audience: "tandem".to_owned(),
            subject: subject.to_owned(),
            tenant,
            roles: roles.into(),
            channels: Vec::new(),
            ttl_s: 600,
        };
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.key.mint(&spec, self.ambient.now()));
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        request
    }
}

fn why(status: &Status) -> String {
    tandem_fault::reason_of(status).unwrap_or_default()
}

#[tokio::test]
async fn the_whole_service_tells_and_is_told() {
    let whole = Whole::start().await;
    let mut directory = DirectoryServiceClient::new(whole.channel.clone());
    let mut assignment = AssignmentServiceClient::new(whole.channel.clone());
    let mut notifications = NotificationServiceClient::new(whole.channel.clone());

    // Without a token, and with another role.
    let bare = directory.list_agents(proto::ListAgentsRequest::default()).await.unwrap_err();
    assert_eq!(bare.code(), Code::Unauthenticated);
    let message = whole.request(Some(TENANT), "ada", Role::Agent, proto::CreateAgentRequest::default());
    assert_eq!(why(&directory.create_agent(message).await.unwrap_err()), "ROLE_NOT_ALLOWED");

    let agent = proto::Agent {
        subject: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        capacity: 1,
        ..proto::Agent::default()
    };
    let create = proto::CreateAgentRequest { request_id: whole.ambient.id().to_string(), agent: Some(agent) };
    let created = directory.create_agent(whole.request(Some(TENANT), "admin", Role::Admin, create)).await;
    let ada = created.unwrap().into_inner().agent.unwrap();

    // Others learn of the agent.
    let mut feed = ChangeFeedServiceClient::new(whole.channel.clone());
    let subscribe = whole.request(None, "conversation", Role::Service, SubscribeRequest::default());
    let mut changes = feed.subscribe(subscribe).await.unwrap().into_inner();
    let told = loop {
        let batch = guarded(changes.message()).await.unwrap().unwrap();
        if let Some(change) = batch.changes.into_iter().next() {
            break change;
        }
    };
    assert_eq!((told.entity_id.as_str(), told.tenant_id), (ada.id.as_str(), TENANT.to_string()));
    assert!(matches!(told.body, Some(Body::Agent(agent)) if agent.subject == "ada"));

    // The agent is told, by a stream that stands before it happens.
    let watch = whole.request(Some(TENANT), "ada", Role::Agent, proto::WatchNotificationsRequest::default());
    let mut stream = notifications.watch_notifications(watch).await.unwrap().into_inner();
    assert!(guarded(stream.next()).await.unwrap().unwrap().notification.is_none());
    let conversation = whole.fake.conversation(TENANT, CHANNEL, true);
    let assign = proto::AssignRequest {
        request_id: whole.ambient.id().to_string(),
        conversation_id: conversation.to_string(),
        assignee: Some(proto::assign_request::Assignee::AgentId(ada.id.clone())),
        note: "for you".to_owned(),
        ..proto::AssignRequest::default()
    };
    assignment.assign(whole.request(Some(TENANT), "lead", Role::Supervisor, assign)).await.unwrap();
    let item = guarded(stream.next()).await.unwrap().unwrap();
    assert_eq!(item.notification.unwrap().note, "for you");

    // A read that names a write waits until the feed has brought it.
    let other = whole.fake.conversation(TENANT, CHANNEL, true);
    let seq = i64::try_from(whole.fake.state().changes.len()).unwrap();
    let written = ChangeToken { service: ServiceName::Conversation, outbox_id: seq, mark: 0 };
    let history = proto::ListHolderHistoryRequest {
        conversation_id: other.to_string(),
        at_least_as_fresh: vec![written.encode(&Signer::new(&[SIGNING_KEY.into()]).unwrap())],
    };
    let request = whole.request(Some(TENANT), "lead", Role::Supervisor, history);
    assert_eq!(assignment.list_holder_history(request).await.unwrap().into_inner().entries, []);

    // A suspended tenant's callers are turned away once the feed has told.
    let list = proto::ListNotificationsRequest::default;
    whole.fake.suspend(OTHER_TENANT);
    let suspended = guarded(async {
        loop {
            let request = whole.request(Some(OTHER_TENANT), "ada", Role::Agent, list());
            let refused = notifications.list_notifications(request).await.unwrap_err();
            if why(&refused) == "TENANT_SUSPENDED" {
                return refused.code();
            }
        }
    });
    assert_eq!(suspended.await, Code::PermissionDenied);

    // The way out: streams end with a word, and the service is gone.
    whole.drain.begin();
    let end = guarded(async {
        loop {
            if let Err(status) = stream.next().await.expect("a word at the end") {
                return status;
            }
        }
    });
    assert_eq!(why(&end.await), "SHUTTING_DOWN");
    drop((stream, changes));
    guarded(whole.served).await.unwrap();
}
