//! Writers with short and with deliberately long transactions: no change is skipped, none comes twice.

use std::sync::Arc;

use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::Pool;
use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::feed::v1::SubscribeRequest;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_tests::{Parts, Suite, eventually, item, whatsapp};
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{GUARD, Seen, Served, Writers, as_service, pool, subscribe};
use crate::truth::{Truth, assert_feed_is_whole, head, settled};

/// Changes of others that overtake a long transaction.
const OVERTAKEN_BY: i64 = 40;

/// Changes a conversation of its own and writes an event, then holds the transaction open until others have committed
/// and were numbered. Answers the event's id.
async fn write_slowly(suite: &Suite, database: &Pool, conversation: Uuid) -> Uuid {
    let tenant_id = suite.tenant;
    let entry = suite.ambient.id();
    let mut tx = database.begin().await.unwrap();
    let version: i64 = sqlx::query_scalar(
        "UPDATE conversation SET version = version + 1 WHERE tenant_id = $1 AND id = $2 RETURNING version",
    )
    .bind(tenant_id)
    .bind(conversation)
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO timeline (tenant_id, conversation_id, id, at_position, at, actor_kind, actor_id, event)
         SELECT tenant_id, conversation_id, $3, at_position, at, actor_kind, actor_id, event
         FROM timeline WHERE tenant_id = $1 AND conversation_id = $2 LIMIT 1",
    )
    .bind(tenant_id)
    .bind(conversation)
    .bind(entry)
    .execute(&mut *tx)
    .await
    .unwrap();
    let rows = [
        Row { tenant_id, kind: ChangeKind::Conversation, entity_id: conversation, version },
        Row { tenant_id, kind: ChangeKind::TimelineEntry, entity_id: entry, version: 1 },
    ];
    let written = outbox::write(&mut tx, &suite.ambient, &rows).await.unwrap().unwrap();
    let before = head(database).await;
    eventually("others that commit and are numbered meanwhile", || async {
        // Later ids than ours stand on the feed already: a cursor on the ids would now be past us.
        let overtaken: i64 =
            sqlx::query_scalar("SELECT count(*) FROM feed WHERE seq > $1 AND outbox_id > $2")
                .bind(before)
                .bind(written.outbox_id)
                .fetch_one(database)
                .await
                .unwrap();
        (overtaken >= OVERTAKEN_BY).then_some(())
    })
    .await;
    tx.commit().await.unwrap();
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn no_commit_is_skipped_however_late_and_none_comes_twice() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let served = Served::start(&suite).await;
    let database = pool(&suite.conversation_url);

    let (end, ends) = watch::channel(None);
    let early = [subscribe(&suite, 0, ends.clone()), subscribe(&suite, 1, ends.clone())];
    // One that reads nothing until all is over: it is never waited for, and catches up from the table.
    let mut slow = ChangeFeedServiceClient::new(as_service(&suite, 0));
    let mut slow = slow.subscribe(SubscribeRequest::default()).await.unwrap().into_inner();

    let doors = [suite.as_adapter(0, channel), suite.as_adapter(1, channel), served.door(&suite, channel)];
    let writers = Writers::start(channel, &doors);
    let long = (0..4).map(|writer| {
        let (suite, database) = (Arc::clone(&suite), database.clone());
        tokio::spawn(async move {
            let items =
                vec![item(format!("long-{writer}"), vec![whatsapp(&format!("long-{writer}"))], "mine")];
            let stored = suite.ingest(writer, channel, items).await.results.remove(0).outcome;
            let Some(Outcome::Stored(stored)) = stored else { panic!("not stored: {stored:?}") };
            let conversation = stored.conversation_id.parse().unwrap();
            let mut entries = Vec::new();
            for _ in 0..8 {
                entries.push(write_slowly(&suite, &database, conversation).await);
            }
            entries
        })
    });
    let mut late = Vec::new();
    for long in long.collect::<Vec<_>>() {
        late.extend(long.await.unwrap());
    }
    // One that comes in the middle.
    let middle = subscribe(&suite, 1, ends);
    writers.stop().await;
    assert_feed_is_whole(&database).await;
    let last = settled(&database).await;
    end.send_replace(Some(last));

    let truth = Truth::read(&database).await;
    assert!(late.iter().all(|entry| truth.events.contains(entry)));
    for seen in early.into_iter().chain([middle]) {
        let seen = seen.await.unwrap();
        truth.assert_seen(&seen.events, &seen.versions);
    }
    let mut seen = Seen::default();
    while seen.cursor.seq < last {
        seen.take(timeout(GUARD, slow.message()).await.unwrap().unwrap().unwrap());
    }
    truth.assert_seen(&seen.events, &seen.versions);
}
