//! The harness: a database of its own for each test, the service on free ports, clients with tokens of any role.

mod fake;
mod people;
mod plain;

use std::net::SocketAddr;
use std::time::Duration;

use chrono::DateTime;
use prost_types::FieldMask;
use tandem_access::{AccessConfig, KeySource, Role, SigningKey, TokenSpec};
use tandem_ambient::Ambient;
use tandem_bootstrap::{Drain, Secret, ServerConfig};
use tandem_customer_profile::{Config, MIGRATOR, start};
use tandem_fault::reason_of;
use tandem_proto::customer::v1::attribute_service_client::AttributeServiceClient;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::import_service_client::ImportServiceClient;
use tandem_proto::customer::v1::merge_service_client::MergeServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::tag_service_client::TagServiceClient;
use tandem_proto::customer::v1::{
    AttributeDefinition, AttributeType, CreateAttributeDefinitionRequest, Customer, GetCustomerRequest,
    ListCustomersRequest, ListMergesRequest, ListTagsRequest, Merge, MergeCustomersRequest,
    MergeCustomersResponse, Tag, UndoMergeRequest, UndoMergeResponse, UpdateCustomerRequest,
    UpdateTagsRequest,
};
use tandem_proto::feed::v1::Change;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_signed_token::{ChangeToken, ServiceName, Signer};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use uuid::Uuid;

pub use fake::FakeConversation;
pub use people::{Person, answer, claimed, conversation, email, external, gone, message, phone};
pub use plain::Plain;

const SIGNING_KEY: &str = "a signing key of the tests, 32 bytes and more";

/// Sends a caller's token.
#[derive(Clone)]
pub struct As(AsciiMetadataValue);

impl Interceptor for As {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub type Merger = MergeServiceClient<InterceptedService<Channel, As>>;
pub type Client = CustomerServiceClient<InterceptedService<Channel, As>>;
pub type Notes = NoteServiceClient<InterceptedService<Channel, As>>;
pub type Words = TagServiceClient<InterceptedService<Channel, As>>;
pub type Imports = ImportServiceClient<InterceptedService<Channel, As>>;
pub type Attributes = AttributeServiceClient<InterceptedService<Channel, As>>;

pub struct Harness {
    pub ambient: Ambient,
    pub conversation: FakeConversation,
    pub database_url: String,
    /// A tenant with nothing in it; `ambient.id()` makes others.
    pub tenant: Uuid,
    address: SocketAddr,
    key: SigningKey,
    drain: Drain,
    _folder: tempfile::TempDir,
}

impl Harness {
    /// `name` names the database; the one of an earlier run is dropped.
    pub async fn start(name: &str) -> Self {
        Self::start_after(name, "").await
    }

    /// As [`Harness::start`], on a database in which `sql` was done before.
    pub async fn start_after(name: &str, sql: &'static str) -> Self {
        tandem_bootstrap::install_crypto();
        let ambient = Ambient::manual(DateTime::from_timestamp(1_700_000_000, 0).unwrap(), 7);
        let database_url = fresh_database(name).await;
        sqlx::raw_sql(sql).execute(&mut connect(&database_url).await).await.unwrap();
        let conversation = FakeConversation::start().await;
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(&ambient);
        let jwks = folder.path().join("jwks.json");
        std::fs::write(&jwks, key.jwks_json()).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::default();
        config.common.server =
            ServerConfig { listen: any, admin: any, drain_notice_ms: 0, ..ServerConfig::default() };
        config.common.access = AccessConfig { keys: KeySource::File(jwks), ..AccessConfig::default() };
        config.common.database.url = Secret::new(database_url.clone());
        // A slow machine must not look like a busy service.
        config.common.database.pool.acquire_timeout_ms = 20_000;
        config.common.database.pool.lock_timeout_ms = 20_000;
        config.common.signing_keys = vec![Secret::new(SIGNING_KEY)];
        config.common.peers.conversation = format!("http://{}", conversation.address);
        let drain = Drain::manual();
        let running = start(config, ambient.clone(), drain.clone()).await.unwrap();
        let tenant = ambient.id();
        let address = running.grpc_addr;
        Self { ambient, conversation, database_url, tenant, address, key, drain, _folder: folder }
    }

    pub fn token(&self, tenant: Option<Uuid>, subject: &str, role: Role) -> String {
        let spec = TokenSpec {
            issuer: "tandem".to_owned(),
            audience: "tandem".to_owned(),
            subject: subject.to_owned(),
            tenant,
            roles: role.into(),
            channels: Vec::new(),
            ttl_s: 86_400,
        };
        format!("Bearer {}", self.key.mint(&spec, self.ambient.now()))
    }

    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    pub fn as_admin(&self) -> As {
        As(self.token(Some(self.tenant), "admin-1", Role::Admin).parse().unwrap())
    }

    pub fn client(&self, tenant: Uuid, subject: &str, role: Role) -> Client {
        let token = self.token(Some(tenant), subject, role).parse().unwrap();
        CustomerServiceClient::with_interceptor(self.channel(), As(token))
    }

    /// Somebody who sees the whole of [`Harness::tenant`].
    pub fn admin(&self) -> Client {
        self.client(self.tenant, "admin-1", Role::Admin)
    }

    pub fn notes_as(&self, tenant: Uuid, subject: &str, role: Role) -> Notes {
        let token = self.token(Some(tenant), subject, role).parse().unwrap();
        NoteServiceClient::with_interceptor(self.channel(), As(token))
    }

    pub fn words_as(&self, tenant: Uuid, role: Role) -> Words {
        let token = self.token(Some(tenant), "someone", role).parse().unwrap();
        TagServiceClient::with_interceptor(self.channel(), As(token))
    }

    /// The tags of [`Harness::tenant`] whose names begin so.
    pub async fn tags(&self, prefix: &str) -> Vec<Tag> {
        self.tags_of(self.tenant, prefix).await
    }

    pub async fn tags_of(&self, tenant: Uuid, prefix: &str) -> Vec<Tag> {
        let request = ListTagsRequest { prefix: prefix.to_owned() };
        let mut words = self.words_as(tenant, Role::Agent);
        guarded(words.list_tags(request)).await.unwrap().into_inner().tags
    }

    pub fn attributes(&self, tenant: Uuid, role: Role) -> Attributes {
        let token = self.token(Some(tenant), "someone", role).parse().unwrap();
        AttributeServiceClient::with_interceptor(self.channel(), As(token))
    }

    pub fn imports(&self, role: Role) -> Imports {
        let token = self.token(Some(self.tenant), "someone", role).parse().unwrap();
        ImportServiceClient::with_interceptor(self.channel(), As(token))
    }

    /// Defines an attribute of [`Harness::tenant`].
    pub async fn define(&self, key: &str, kind: AttributeType, options: &[&str]) -> AttributeDefinition {
        let definition = AttributeDefinition {
            key: key.to_owned(),
            title: key.to_uppercase(),
            r#type: kind.into(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            ..AttributeDefinition::default()
        };
        let request =
            CreateAttributeDefinitionRequest { request_id: self.id(), definition: Some(definition) };
        let mut admin = self.attributes(self.tenant, Role::Admin);
        guarded(admin.create_attribute_definition(request)).await.unwrap().into_inner().definition.unwrap()
    }

    /// Corrects what the paths name.
    pub async fn update(&self, customer: Customer, paths: &[&str]) -> Result<Customer, Status> {
        let request = UpdateCustomerRequest {
            request_id: self.id(),
            customer: Some(customer),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        };
        guarded(self.admin().update_customer(request))
            .await
            .map(|answer| answer.into_inner().customer.unwrap())
    }

    pub fn merger_as(&self, tenant: Uuid, subject: &str, role: Role) -> Merger {
        let token = self.token(Some(tenant), subject, role).parse().unwrap();
        MergeServiceClient::with_interceptor(self.channel(), As(token))
    }

    /// Somebody who may merge everybody of [`Harness::tenant`].
    pub fn merger(&self) -> Merger {
        self.merger_as(self.tenant, "admin-1", Role::Admin)
    }

    pub async fn merge(&self, survivor: Uuid, merged: Uuid) -> Result<MergeCustomersResponse, Status> {
        let request = MergeCustomersRequest {
            request_id: self.id(),
            survivor_id: survivor.to_string(),
            merged_id: merged.to_string(),
        };
        guarded(self.merger().merge_customers(request)).await.map(tonic::Response::into_inner)
    }

    pub async fn undo(&self, merge_id: &str) -> Result<UndoMergeResponse, Status> {
        let request = UndoMergeRequest { request_id: self.id(), merge_id: merge_id.to_owned() };
        guarded(self.merger().undo_merge(request)).await.map(tonic::Response::into_inner)
    }

    /// All merges of a customer, newest first, page by page.
    pub async fn merges(&self, customer: Uuid) -> Vec<Merge> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListMergesRequest {
                customer_id: customer.to_string(),
                page_size: 2,
                page_token,
                at_least_as_fresh: Vec::new(),
            };
            let page = guarded(self.merger().list_merges(request)).await.unwrap().into_inner();
            all.extend(page.merges);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    pub fn anonymous(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel())
    }

    /// The service's own feed.
    pub fn feed(&self) -> ChangeFeedServiceClient<InterceptedService<Channel, As>> {
        let token = self.token(None, "search", Role::Service).parse().unwrap();
        ChangeFeedServiceClient::with_interceptor(self.channel(), As(token))
    }

    /// Puts changes on conversation's feed as one batch, and answers the change token of the last.
    pub fn tell(&self, changes: impl IntoIterator<Item = Change>) -> String {
        let (seq, mark) = self.conversation.tell(changes.into_iter().collect());
        let signer = Signer::new(&[SIGNING_KEY.as_bytes().to_vec()]).unwrap();
        ChangeToken { service: ServiceName::Conversation, outbox_id: seq, mark }.encode(&signer)
    }

    /// As [`Harness::tell`], and waits until the service has applied them.
    pub async fn told(&self, changes: impl IntoIterator<Item = Change>) {
        let token = self.tell(changes);
        self.applied(token).await;
    }

    pub async fn applied(&self, token: String) {
        let request =
            ListCustomersRequest { at_least_as_fresh: vec![token], ..ListCustomersRequest::default() };
        guarded(self.admin().list_customers(request)).await.unwrap();
    }

    pub async fn get(&self, customer: Uuid) -> Result<Customer, Status> {
        get(&mut self.admin(), customer).await
    }

    pub fn id(&self) -> String {
        self.ambient.id().to_string()
    }

    pub async fn add_tags(&self, customer: Uuid, names: &[&str]) -> Customer {
        let request = UpdateTagsRequest {
            request_id: self.id(),
            customer_id: customer.to_string(),
            add: names.iter().map(|name| (*name).to_owned()).collect(),
            remove: Vec::new(),
        };
        guarded(self.admin().update_tags(request)).await.unwrap().into_inner().customer.unwrap()
    }

    pub async fn connect(&self) -> sqlx::PgConnection {
        connect(&self.database_url).await
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.drain.begin();
    }
}

pub async fn get(client: &mut Client, customer: Uuid) -> Result<Customer, Status> {
    let request = GetCustomerRequest { customer_id: customer.to_string(), ..GetCustomerRequest::default() };
    guarded(client.get_customer(request)).await.map(|answer| answer.into_inner().customer.unwrap())
}

/// No await of a test waits longer.
pub async fn guarded<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("a test waited too long")
}

/// Asserts how a call failed.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = outcome.expect_err("the call should be refused");
    assert_eq!((status.code(), reason_of(&status).as_deref()), (code, Some(reason)), "{status:?}");
    status
}

async fn connect(url: &str) -> sqlx::PgConnection {
    use sqlx::Connection;
    sqlx::PgConnection::connect(url).await.unwrap()
}

async fn fresh_database(name: &str) -> String {
    use sqlx::Connection;
    let server = std::env::var("TANDEM_TEST_DATABASE_URL")
        .expect("TANDEM_TEST_DATABASE_URL must name a PostgreSQL server to test on");
    let database = format!("tandem_test_customer_profile_{name}");
    let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
    for statement in [
        format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
        format!("CREATE DATABASE {database} TEMPLATE template0"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    }
    let (server, _) = server.rsplit_once('/').unwrap();
    let url = format!("{server}/{database}");
    tandem_database::migrate(&url, &MIGRATOR).await.unwrap();
    url
}
