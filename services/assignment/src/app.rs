//! Wiring: what stands on what.

use std::sync::Arc;

use chrono::TimeDelta;
use tandem_access::TenantGate;
use tandem_ambient::Ambient;
use tandem_assembly::{Foundation, Running, StartError};
use tandem_bootstrap::Drain;
use tandem_change_feed::{Consumer, ConsumerConfig, FeedServer, Freshness, FreshnessApi, Sequencer, Tail};
use tandem_proto::assignment::v1::assignment_service_server::AssignmentServiceServer;
use tandem_proto::assignment::v1::directory_service_server::DirectoryServiceServer;
use tandem_proto::assignment::v1::notification_service_server::NotificationServiceServer;
use tandem_proto::assignment::v1::operation_service_server::OperationServiceServer;
use tandem_proto::assignment::v1::overview_service_server::OverviewServiceServer;
use tandem_proto::assignment::v1::presence_service_server::PresenceServiceServer;
use tandem_proto::assignment::v1::routing_service_server::RoutingServiceServer;
use tandem_proto::feed::v1::change_feed_service_server::ChangeFeedServiceServer;
use tandem_proto::feed::v1::freshness_service_server::FreshnessServiceServer;
use tandem_signed_token::ServiceName;
use tonic::server::NamedService;
use tonic::service::Routes;

use crate::domain::App;
use crate::domain::notification::Hub;
use crate::domain::tenant::Suspended;
use crate::feed::{ConversationFeed, CustomerFeed, Directory};
use crate::peer::Conversations;
use crate::{Config, MIGRATOR, RULES, router, rpc, ticker};

/// How long a replica holds the feed without a word.
const LEASE: TimeDelta = TimeDelta::seconds(10);

/// What is kept of conversations: with the shape 1 what routing and figures ask of them.
const SHAPE: u16 = 1;
/// What is kept of customers: with the shape 1 what became of tags.
const CUSTOMERS_SHAPE: u16 = 1;

/// Starts the service: it serves when this returns, and says that it is not ready until its database is usable.
pub async fn start(config: Config, ambient: Ambient, drain: Drain) -> Result<Running, StartError> {
    let foundation = Foundation::lay("assignment", config.common, &MIGRATOR, ambient, drain).await?;
    let peer = foundation.peer(|peers| &peers.conversation)?;
    let pool = foundation.pool.clone();
    let ambient = foundation.ambient.clone();
    let (stop, end) = (foundation.drain.signalled(), foundation.drain.token());

    let hub = Hub::default();
    let follower = ConversationFeed { ambient: ambient.clone(), hub: hub.clone() };
    let consumer = ConsumerConfig { feed: "conversation", shape: SHAPE, lease: LEASE };
    let key = consumer.key();
    let progress = Consumer::spawn(
        consumer,
        pool.clone(),
        ambient.clone(),
        peer.clone(),
        Arc::new(follower),
        stop.clone(),
    );
    tokio::spawn(wake(hub.clone(), progress.clone()));
    let customers = foundation.peer(|peers| &peers.customer_profile)?;
    let customers_feed = ConsumerConfig { feed: "customer-profile", shape: CUSTOMERS_SHAPE, lease: LEASE };
    let customers_key = customers_feed.key();
    let of_customers = Consumer::spawn(
        customers_feed,
        pool.clone(),
        ambient.clone(),
        customers.clone(),
        Arc::new(CustomerFeed { ambient: ambient.clone(), hub: hub.clone() }),
        stop.clone(),
    );
    tokio::spawn(wake(hub.clone(), of_customers.clone()));
    tokio::spawn(hub.clone().run(pool.clone(), end.clone()));

    // What is written while calls drain still reaches the feed.
    let sequencer = Sequencer::spawn(pool.clone(), ambient.clone(), end.clone());
    let hydrate = Arc::new(Directory { ambient: ambient.clone() });
    let tail = Tail::spawn(pool.clone(), hydrate.clone(), &sequencer, end.clone());
    let feed = FeedServer::new(pool.clone(), hydrate, tail, sequencer.clone(), end.clone());
    let feeds = vec![
        (ServiceName::Conversation, key, peer.clone(), progress),
        (ServiceName::CustomerProfile, customers_key, customers, of_customers),
    ];
    let freshness = Freshness::new(ServiceName::Assignment, foundation.signer.clone(), pool.clone(), feeds);
    let conversations = Conversations::new(peer, foundation.max_message_bytes);
    let awaited = FreshnessApi { freshness: freshness.clone() };
    let app = App { pool, ambient, sequencer, freshness, conversations };

    let suspended = Suspended::default();
    tokio::spawn(ticker::run(app.clone(), suspended.clone(), stop.clone()));
    tokio::spawn(router::run(app.clone(), stop.clone()));
    tokio::spawn(ticker::carry_on(app.clone(), stop));
    let gate: TenantGate = Arc::new(move |tenant_id| suspended.gate(tenant_id));

    let signer = foundation.signer.clone();
    let most = foundation.max_message_bytes;
    let directory = rpc::Directory { app: app.clone(), signer: signer.clone() };
    let notifications = rpc::Notifications { app: app.clone(), hub, signer: signer.clone(), end };
    let presences = rpc::Presences { app: app.clone() };
    let operations = rpc::Operations { app: app.clone(), signer: signer.clone() };
    let overview = rpc::Overview { app: app.clone(), signer };
    let routes = Routes::new(DirectoryServiceServer::new(directory).max_decoding_message_size(most))
        .add_service(
            RoutingServiceServer::new(rpc::Routing { app: app.clone() }).max_decoding_message_size(most),
        )
        .add_service(AssignmentServiceServer::new(rpc::Assignment { app }).max_decoding_message_size(most))
        .add_service(OverviewServiceServer::new(overview).max_decoding_message_size(most))
        .add_service(NotificationServiceServer::new(notifications).max_decoding_message_size(most))
        .add_service(PresenceServiceServer::new(presences).max_decoding_message_size(most))
        .add_service(OperationServiceServer::new(operations).max_decoding_message_size(most))
        .add_service(FreshnessServiceServer::new(awaited).max_decoding_message_size(most))
        .add_service(ChangeFeedServiceServer::new(feed).max_encoding_message_size(usize::MAX));
    let names = vec![
        <DirectoryServiceServer<rpc::Directory> as NamedService>::NAME,
        <AssignmentServiceServer<rpc::Assignment> as NamedService>::NAME,
        <NotificationServiceServer<rpc::Notifications> as NamedService>::NAME,
        <RoutingServiceServer<rpc::Routing> as NamedService>::NAME,
        <PresenceServiceServer<rpc::Presences> as NamedService>::NAME,
        <OperationServiceServer<rpc::Operations> as NamedService>::NAME,
        <OverviewServiceServer<rpc::Overview> as NamedService>::NAME,
        <FreshnessServiceServer<FreshnessApi> as NamedService>::NAME,
        <ChangeFeedServiceServer<FeedServer<Directory>> as NamedService>::NAME,
    ];
    Ok(foundation.serve(routes, names, RULES, Some(gate)))
}

/// Tells the hub of every batch that the consumer has committed.
async fn wake(hub: Hub, mut progress: tokio::sync::watch::Receiver<tandem_change_feed::Progress>) {
    while progress.changed().await.is_ok() {
        hub.committed();
    }
}
