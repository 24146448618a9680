//! Promise 1: what a process acknowledged is there after it was killed, with the ids that it answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient;
use tandem_proto::conversation::v1::{IngestItem, IngestMessagesRequest, IngestStored};
use tandem_tests::{Parts, Suite, eventually, item, stored, whatsapp};
use tokio::task::JoinSet;

use crate::support::Served;

/// Adapters that write at once.
const ADAPTERS: usize = 8;

fn what(adapter: usize, round: usize, number: usize) -> IngestItem {
    let who = whatsapp(&format!("US.{}", (adapter + number) % 5));
    item(format!("m{round}-{adapter}-{number}"), vec![who], format!("words {number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_acknowledged_is_there() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    for round in 0..3 {
        let mut served = Served::start(&suite).await;
        let acknowledged = Arc::new(Mutex::new(BTreeMap::<(usize, usize), IngestStored>::new()));
        let mut adapters = JoinSet::new();
        for adapter in 0..ADAPTERS {
            let mut client = IngestServiceClient::new(served.door(&suite, channel));
            let acknowledged = Arc::clone(&acknowledged);
            // Each writes as fast as it is answered, until nobody answers any more.
            adapters.spawn(async move {
                for number in 0.. {
                    let items = vec![what(adapter, round, number)];
                    let request = IngestMessagesRequest { channel_id: channel.to_string(), items };
                    let Ok(answer) = client.ingest_messages(request).await else { return };
                    let result = answer.into_inner().results.remove(0);
                    acknowledged.lock().unwrap().insert((adapter, number), stored(result));
                }
            });
        }
        eventually("a hundred acknowledged messages", async || {
            (acknowledged.lock().unwrap().len() >= 100).then_some(())
        })
        .await;
        served.process.kill();
        adapters.join_all().await;
        let acknowledged = Arc::into_inner(acknowledged).unwrap().into_inner().unwrap();
        for some in acknowledged.iter().collect::<Vec<_>>().chunks(500) {
            let items = some.iter().map(|((adapter, number), _)| what(*adapter, round, *number)).collect();
            let again = suite.ingest(0, channel, items).await.results;
            for (((adapter, number), first), again) in some.iter().zip(again) {
                let Some(Outcome::Stored(again)) = again.outcome else { panic!("not stored: {again:?}") };
                assert!(again.replayed, "message {number} of adapter {adapter} was acknowledged and is gone");
                assert_eq!(
                    (&again.message_id, &again.conversation_id, again.position),
                    (&first.message_id, &first.conversation_id, first.position)
                );
            }
        }
    }
}
