use std::sync::Arc;

use chrono::TimeDelta;
use tandem_ambient::Ambient;
use tandem_assembly::{Foundation, Running, StartError};
use tandem_bootstrap::{ClientConfig, Drain, channel};
use tandem_change_feed::{Consumer, ConsumerConfig, FeedServer, Freshness, Sequencer, Tail};
use tandem_proto::customer::v1::attribute_service_server::AttributeServiceServer;
use tandem_proto::customer::v1::customer_service_server::CustomerServiceServer;
use tandem_proto::customer::v1::import_service_server::ImportServiceServer;
use tandem_proto::customer::v1::merge_service_server::MergeServiceServer;
use tandem_proto::customer::v1::note_service_server::NoteServiceServer;
use tandem_proto::customer::v1::privacy_service_server::PrivacyServiceServer;
use tandem_proto::customer::v1::tag_service_server::TagServiceServer;
use tandem_proto::feed::v1::change_feed_service_server::ChangeFeedServiceServer;
use tandem_signed_token::ServiceName;
use tonic::service::Routes;

use crate::domain::Core;
use crate::domain::erasure::{self, Services as Erasing};
use crate::feed::{Customers, FollowConversation};
use crate::peer::{Conversations, Services};
use crate::rpc::{AttributeRpc, CustomerRpc, PrivacyRpc};
use crate::{Config, MIGRATOR, RULES, ticker};

/// The services that are served.
const SERVED: [&str; 8] = [
    "tandem.customer.v1.CustomerService",
    "tandem.customer.v1.AttributeService",
    "tandem.customer.v1.ImportService",
    "tandem.customer.v1.MergeService",
    "tandem.customer.v1.NoteService",
    "tandem.customer.v1.TagService",
    "tandem.customer.v1.PrivacyService",
    "tandem.feed.v1.ChangeFeedService",
];

/// What is kept of conversations: with the shape 1 which agents answered whom.
const SHAPE: u16 = 1;

/// Starts the service; it serves until the drain is through.
///
/// # Errors
/// A configuration that can't be used, ports that are taken.
pub async fn start(config: Config, ambient: Ambient, drain: Drain) -> Result<Running, StartError> {
    let peers = config.common.peers.clone();
    let foundation =
        Foundation::lay("customer-profile", config.common, &MIGRATOR, ambient.clone(), drain.clone()).await?;
    let pool = foundation.pool.clone();

    // Background work ends at the signal; the feed is filled and served as long as calls are taken.
    let (background, serving) = (drain.signalled(), drain.token());
    let sequencer = Sequencer::spawn(pool.clone(), ambient.clone(), serving.clone());
    let customers = Arc::new(Customers);
    let tail = Tail::spawn(pool.clone(), Arc::clone(&customers), &sequencer, serving.clone());
    let feed = FeedServer::new(pool.clone(), customers, tail, sequencer.clone(), serving);

    let conversation = foundation.peer(|peers| &peers.conversation)?;
    let lease = TimeDelta::seconds(config.feed.lease_s.into());
    let consumer = ConsumerConfig { feed: "conversation", shape: SHAPE, lease };
    let key = consumer.key();
    let progress = Consumer::spawn(
        consumer,
        pool.clone(),
        ambient.clone(),
        conversation.clone(),
        Arc::new(FollowConversation { ambient: ambient.clone(), sequencer: sequencer.clone() }),
        background.clone(),
    );
    let freshness = Freshness::new(
        ServiceName::CustomerProfile,
        foundation.signer.clone(),
        pool.clone(),
        vec![(ServiceName::Conversation, key, conversation.clone(), progress)],
    );
    let kept = TimeDelta::days(config.feed.kept_days.into());
    let core = Core { pool, ambient, sequencer, left: Arc::default(), erasing: Arc::default() };
    tokio::spawn(ticker::run(core.clone(), kept, background.clone()));
    let copies = [
        conversation.clone(),
        foundation.peer(|peers| &peers.assignment)?,
        foundation.peer(|peers| &peers.search)?,
    ];
    let erasing = Erasing { peers: Services { conversation, copies }, freshness: freshness.clone() };
    tokio::spawn(erasure::run(core.clone(), erasing, background));

    // A channel without a token of ours: these calls carry the caller's.
    let as_caller =
        channel(&ClientConfig { endpoint: peers.conversation, ca: peers.ca, ..ClientConfig::default() })?;
    let conversations = Conversations::new(as_caller);
    let attributes = AttributeRpc { core: core.clone() };
    let privacy = PrivacyRpc {
        core: core.clone(),
        freshness: freshness.clone(),
        conversations: conversations.clone(),
        signer: foundation.signer.clone(),
        end: drain.token(),
    };
    let rpc = Arc::new(CustomerRpc { core, freshness, signer: foundation.signer.clone(), conversations });
    let limit = foundation.max_message_bytes;
    let customer = CustomerServiceServer::from_arc(Arc::clone(&rpc))
        .max_decoding_message_size(limit)
        .max_encoding_message_size(limit);
    let imports = ImportServiceServer::from_arc(Arc::clone(&rpc))
        .max_decoding_message_size(limit)
        .max_encoding_message_size(limit);
    let notes = NoteServiceServer::from_arc(Arc::clone(&rpc))
        .max_decoding_message_size(limit)
        .max_encoding_message_size(limit);
    let tags = TagServiceServer::from_arc(Arc::clone(&rpc))
        .max_decoding_message_size(limit)
        .max_encoding_message_size(limit);
    let merge =
        MergeServiceServer::from_arc(rpc).max_decoding_message_size(limit).max_encoding_message_size(limit);
    let attributes = AttributeServiceServer::new(attributes)
        .max_decoding_message_size(limit)
        .max_encoding_message_size(limit);
    // Services alone follow it, and take batches as large as they are.
    let feed = ChangeFeedServiceServer::new(feed)
        .max_decoding_message_size(limit)
        .max_encoding_message_size(usize::MAX);
    let privacy =
        PrivacyServiceServer::new(privacy).max_decoding_message_size(limit).max_encoding_message_size(limit);
    let routes = Routes::new(customer)
        .add_service(attributes)
        .add_service(imports)
        .add_service(merge)
        .add_service(notes)
        .add_service(tags)
        .add_service(privacy)
        .add_service(feed);
    Ok(foundation.serve(routes, SERVED.to_vec(), RULES, None))
}
