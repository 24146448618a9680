//! Wiring.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_assembly::{Foundation, Running, StartError};
use tandem_bootstrap::{ClientConfig, Drain, InternalChannel, Secret, internal_channel};
use tandem_change_feed::{ChangeKind, Consumer, ConsumerConfig, Freshness, FreshnessApi, Progress};
use tandem_proto::feed::v1::freshness_service_server::FreshnessServiceServer;
use tandem_proto::search::v1::search_service_server::SearchServiceServer;
use tandem_signed_token::ServiceName;
use tokio::sync::watch;
use tonic::service::Routes;

use crate::config::{Config, SearchConfig};
use crate::domain::customer::{Customers, document as customer};
use crate::domain::message::{Messages, document as message};
use crate::engine::{Engine, settings};
use crate::feed::{CUSTOMERS, Following, Indexer, MESSAGES, Source, Verifier, Writer};
use crate::peer::{Conversations, Profiles};
use crate::rpc::SearchApi;
use crate::{MIGRATOR, RULES};

/// Starts the service.
pub async fn start(config: Config, ambient: Ambient, drain: Drain) -> Result<Running, StartError> {
    let search = config.search;
    let engine = Engine::new(&search)?;
    // These are asked as the caller: no token of ours.
    let as_caller = |endpoint: &str| {
        internal_channel(&ClientConfig {
            endpoint: endpoint.to_owned(),
            ca: config.common.peers.ca.clone(),
            token: Secret::default(),
            ..ClientConfig::default()
        })
    };
    let conversations = as_caller(&config.common.peers.conversation)?;
    let profiles = Profiles::new(as_caller(&config.common.peers.customer_profile)?);
    let foundation = Foundation::lay("search", config.common, &MIGRATOR, ambient, drain).await?;
    let conversation = foundation.peer(|peers| &peers.conversation)?;
    let customer_profile = foundation.peer(|peers| &peers.customer_profile)?;

    let pool = foundation.pool.clone();
    let ambient = foundation.ambient.clone();
    let following = |feed, kind| Following::new(feed, kind, pool.clone(), ambient.clone());
    let messages = following("conversation", ChangeKind::Message);
    let customers = following("customer-profile", ChangeKind::Customer);
    let writer = |source: Source, shape, settings| {
        Writer::new(source.index, shape, settings, pool.clone(), engine.clone(), ambient.clone())
    };
    let writers = (
        writer(MESSAGES, message::SHAPE, settings::messages(engine.cutoff)),
        writer(CUSTOMERS, customer::SHAPE, settings::customers(engine.cutoff)),
    );
    let keep = |source, writer, following: &Following, channel: &InternalChannel| {
        verify(&foundation, &search, source, following, channel, engine.clone());
        let indexer = Indexer { source, writer, following: following.clone(), share: search.rebuild_share };
        follow(&foundation, &search, following, channel, indexer)
    };
    let progress = (
        keep(MESSAGES, writers.0, &messages, &conversation),
        keep(CUSTOMERS, writers.1, &customers, &customer_profile),
    );

    let feeds = vec![
        (ServiceName::Conversation, "conversation".to_owned(), conversation, progress.0),
        (ServiceName::CustomerProfile, "customer-profile".to_owned(), customer_profile, progress.1),
    ];
    let budget = Duration::from_millis(search.budget_ms);
    let api = SearchApi {
        messages: Messages {
            pool: pool.clone(),
            engine: engine.clone(),
            conversations: Conversations::new(conversations, Duration::from_millis(search.scope_cache_ms)),
            budget,
            most_inside: search.most_inside.min(500),
        },
        customers: Customers { pool: pool.clone(), engine, profiles, budget },
        freshness: Freshness::new(ServiceName::Search, foundation.signer.clone(), pool, feeds),
        signer: foundation.signer.clone(),
        ambient,
        following: (messages, customers),
    };
    let most = foundation.max_message_bytes;
    let awaited = FreshnessApi { freshness: api.freshness.clone() };
    let awaited = FreshnessServiceServer::new(awaited).max_decoding_message_size(most);
    let service =
        SearchServiceServer::new(api).max_decoding_message_size(most).max_encoding_message_size(most);
    let names = vec!["tandem.search.v1.SearchService", "tandem.feed.v1.FreshnessService"];
    Ok(foundation.serve(Routes::new(service).add_service(awaited), names, RULES, None))
}

/// Follows a feed into its index until the drain begins.
fn follow(
    foundation: &Foundation,
    search: &SearchConfig,
    following: &Following,
    channel: &InternalChannel,
    indexer: Indexer,
) -> watch::Receiver<Progress> {
    let stop = foundation.drain.signalled();
    let every = Duration::from_millis(search.lag_poll_ms.max(1));
    tokio::spawn(following.clone().watch(channel.clone(), every, stop.clone()));
    Consumer::spawn(
        ConsumerConfig {
            feed: following.feed,
            shape: 0,
            lease: TimeDelta::seconds(search.lease_s.max(1).into()),
        },
        foundation.pool.clone(),
        foundation.ambient.clone(),
        channel.clone(),
        Arc::new(indexer),
        stop,
    )
}

/// Verifies an index, whenever that is asked for, until the drain begins.
fn verify(
    foundation: &Foundation,
    search: &SearchConfig,
    source: Source,
    following: &Following,
    channel: &InternalChannel,
    engine: Engine,
) {
    let verifier = Verifier {
        source,
        following: following.clone(),
        pool: foundation.pool.clone(),
        engine,
        channel: channel.clone(),
        share: search.rebuild_share,
        me: foundation.ambient.id(),
    };
    let every = Duration::from_millis(search.lag_poll_ms.max(1));
    tokio::spawn(verifier.run(every, foundation.drain.signalled()));
}
