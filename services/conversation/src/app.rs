use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tandem_access::TenantGate;
use tandem_ambient::Ambient;
use tandem_assembly::{Common, Foundation, Running, Section, StartError};
use tandem_bootstrap::Drain;
use tandem_change_feed::{Consumer, ConsumerConfig, FeedServer, Freshness, FreshnessApi, Sequencer, Tail};
use tandem_fault::{Fault, Reason};
use tandem_proto::conversation::v1::ai_service_server::AiServiceServer;
use tandem_proto::conversation::v1::channel_service_server::ChannelServiceServer;
use tandem_proto::conversation::v1::conversation_service_server::ConversationServiceServer;
use tandem_proto::conversation::v1::ingest_service_server::IngestServiceServer;
use tandem_proto::conversation::v1::outbound_service_server::OutboundServiceServer;
use tandem_proto::conversation::v1::privacy_service_server::PrivacyServiceServer;
use tandem_proto::conversation::v1::tenant_service_server::TenantServiceServer;
use tandem_proto::conversation::v1::transfer_service_server::TransferServiceServer;
use tandem_proto::conversation::v1::view_service_server::ViewServiceServer;
use tandem_proto::conversation::v1::watch_service_server::WatchServiceServer;
use tandem_proto::feed::v1::change_feed_service_server::ChangeFeedServiceServer;
use tandem_proto::feed::v1::freshness_service_server::FreshnessServiceServer;
use tandem_signed_token::ServiceName;
use tonic::service::Routes;

use crate::domain::Domain;
use crate::feed::assignment::AssignmentFeed;
use crate::feed::customers::CustomerFeed;
use crate::feed::hydrate::Hydrator;
use crate::policy::{RULES, SERVICES};
use crate::rpc::Rpc;
use crate::{MIGRATOR, store};

/// How long a replica holds a feed without a word.
const LEASE: TimeDelta = TimeDelta::seconds(10);

/// The configuration of the conversation service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub common: Common,
    pub conversation: Settings,
}

/// What only this service has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds between looks at what is due.
    pub tick_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tick_ms: 1_000 }
    }
}

impl Section for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}

/// What is kept of customers: with the shape 1 what became of tags.
const CUSTOMERS_SHAPE: u16 = 1;

/// Starts the service; it serves until `drain` is through.
pub async fn start(config: Config, ambient: Ambient, drain: Drain) -> Result<Running, StartError> {
    let foundation =
        Foundation::lay("conversation", config.common, &MIGRATOR, ambient.clone(), drain.clone()).await?;
    let stop = drain.token();
    let pool = foundation.pool.clone();
    let sequencer = Sequencer::spawn(pool.clone(), ambient.clone(), stop.clone());
    let tail = Tail::spawn(pool.clone(), Arc::new(Hydrator), &sequencer, stop.clone());
    let feed = |feed, shape| ConsumerConfig { feed, shape, lease: LEASE };
    let customers_feed = feed("customer-profile", CUSTOMERS_SHAPE);
    let customers_key = customers_feed.key();
    let assignment = foundation.peer(|peers| &peers.assignment)?;
    let customers = foundation.peer(|peers| &peers.customer_profile)?;
    let of_assignment = Consumer::spawn(
        feed("assignment", 0),
        pool.clone(),
        ambient.clone(),
        assignment.clone(),
        Arc::new(AssignmentFeed),
        stop.clone(),
    );
    let of_customers = Consumer::spawn(
        customers_feed,
        pool.clone(),
        ambient.clone(),
        customers.clone(),
        Arc::new(CustomerFeed { ambient: ambient.clone() }),
        stop.clone(),
    );
    let freshness = Freshness::new(
        ServiceName::Conversation,
        foundation.signer.clone(),
        pool.clone(),
        vec![
            (ServiceName::Assignment, "assignment".to_owned(), assignment, of_assignment),
            (ServiceName::CustomerProfile, customers_key, customers, of_customers),
        ],
    );
    let signer = foundation.signer.clone();
    let domain =
        Domain::new(pool.clone(), ambient, sequencer.clone(), tail.clone(), freshness, signer, stop.clone());
    let suspended = Arc::new(RwLock::new(HashSet::new()));
    tokio::spawn(tick(
        domain.clone(),
        Duration::from_millis(config.conversation.tick_ms),
        Arc::clone(&suspended),
    ));

    let awaited = FreshnessApi { freshness: domain.freshness.clone() };
    let rpc = Rpc { domain };
    let limit = foundation.max_message_bytes;
    let feed_server = FeedServer::new(pool, Arc::new(Hydrator), tail, sequencer, stop);
    let mut routes = Routes::builder();
    macro_rules! serve {
        ($($server:ident),*) => {$(
            routes.add_service($server::new(rpc.clone()).max_decoding_message_size(limit).max_encoding_message_size(limit));
        )*};
    }
    // The generated servers share no trait: a macro says the limits once.
    serve!(
        TenantServiceServer,
        ChannelServiceServer,
        IngestServiceServer,
        OutboundServiceServer,
        AiServiceServer,
        TransferServiceServer,
        ConversationServiceServer,
        WatchServiceServer,
        ViewServiceServer,
        PrivacyServiceServer
    );
    routes.add_service(FreshnessServiceServer::new(awaited).max_decoding_message_size(limit));
    routes.add_service(ChangeFeedServiceServer::new(feed_server).max_encoding_message_size(usize::MAX));
    Ok(foundation.serve(routes.routes(), SERVICES.to_vec(), RULES, Some(gate(suspended))))
}

/// Refuses the calls of suspended tenants.
fn gate(suspended: Arc<RwLock<HashSet<uuid::Uuid>>>) -> TenantGate {
    Arc::new(move |tenant| {
        let suspended = suspended.read().unwrap_or_else(PoisonError::into_inner);
        suspended.contains(&tenant).then(|| Fault::new(Reason::TenantSuspended, "the tenant is suspended"))
    })
}

/// Looks at what is due, and at who is suspended, until the drain.
async fn tick(domain: Domain, every: Duration, suspended: Arc<RwLock<HashSet<uuid::Uuid>>>) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = domain.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = domain.tick(domain.ambient.now()).await {
            tracing::warn!(?error, "a tick failed, will try again");
        }
        let Ok(mut connection) = domain.pool.acquire().await else { continue };
        if let Ok(now) = store::tenant::suspended(&mut connection).await {
            *suspended.write().unwrap_or_else(PoisonError::into_inner) = now.into_iter().collect();
        }
    }
}
