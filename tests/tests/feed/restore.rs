//! One database of four is restored from a dump, under everybody who follows it.

use std::sync::Arc;

use tandem_database::Pool;
use tandem_fault::{Reason, reason_of};
use tandem_proto::conversation::v1::IngestMessagesResponse;
use tandem_proto::feed::v1::SubscribeRequest;
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_tests::{Recorder, Suite, dump, item, restore, whatsapp};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

use crate::support::{GUARD, Seen, as_service, ingest, pool, service_pool};
use crate::tokens::{FOLLOWED, assert_refused, conversation_of, customer, customer_of, history};
use crate::truth::{Truth, head, recorded, settled};

/// What one customer wrote, and where it is.
struct Thread {
    conversation: String,
    customer: String,
    token: String,
}

/// One message each of some new customers, one after the other: each with a token of its own.
async fn write(suite: &Suite, channel: Uuid, name: &str, count: usize) -> Vec<Thread> {
    let doors = [suite.as_adapter(0, channel), suite.as_adapter(1, channel)];
    let mut threads = Vec::new();
    for n in 0..count {
        let who = format!("{name}-{n}");
        let items = vec![item(who.clone(), vec![whatsapp(&who)], "words")];
        let written: IngestMessagesResponse = ingest(&doors, channel, items).await;
        let conversation = conversation_of(&written);
        let customer = customer_of(suite, &conversation).await;
        threads.push(Thread { conversation, customer, token: written.change_token });
    }
    threads
}

/// Every customer's thread is in both projections, and no read is stale.
async fn assert_read(suite: &Suite, threads: &[Thread]) {
    for thread in threads {
        assert!(history(suite, &thread.conversation, &thread.token).await.unwrap() > 0);
        assert_eq!(customer(suite, &thread.customer, &thread.token).await.unwrap().message_count, 1);
    }
}

/// A pair of queries, one in each database, that must answer the same.
async fn assert_same(one: (&Pool, &'static str), other: (&Pool, &'static str)) {
    let read = async |(pool, query): (&Pool, &'static str)| -> Vec<(Uuid, i64)> {
        sqlx::query_as(query).fetch_all(pool).await.unwrap()
    };
    assert_eq!(read(one).await, read(other).await, "{}", other.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_finds_the_way_out_of_a_lost_history() {
    let mut suite = Suite::start(FOLLOWED).await;
    let urls = suite.databases.urls();
    let [assignment, customers] = [pool(&urls[1]), pool(&urls[2])];
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let record = pool(&url);
    Recorder::prepare(&record).await;
    let suite = Arc::new(suite);
    let channel = suite.create_channel().await;
    let stop = CancellationToken::new();
    let source = as_service(&suite, 1);
    let _progress = Recorder::spawn("only", service_pool(&url), suite.ambient.clone(), source, stop.clone());

    let kept = write(&suite, channel, "kept", 20).await;
    assert_read(&suite, &kept).await;
    let file = suite.folder().join("conversation.sql");
    dump(&suite.conversation_url, &file).await;
    let lost = write(&suite, channel, "lost", 20).await;
    assert_read(&suite, &lost).await;
    let database = pool(&suite.conversation_url);
    let lost_head = settled(&database).await;
    recorded(&record, lost_head).await;
    database.close().await;
    // A stream that is at the head of the history that is about to be lost.
    let mut client = ChangeFeedServiceClient::new(as_service(&suite, 0));
    let mut stream = client.subscribe(SubscribeRequest::default()).await.unwrap().into_inner();
    let mut seen = Seen::default();
    while seen.cursor.seq < lost_head {
        seen.take(timeout(GUARD, stream.message()).await.unwrap().unwrap().unwrap());
    }

    // The followers go on serving what they know, without a pause.
    let serving = CancellationToken::new();
    let reader = tokio::spawn({
        let (suite, serving) = (Arc::clone(&suite), serving.clone());
        let thread = (kept[0].conversation.clone(), kept[0].customer.clone());
        async move {
            let mut reads = 0;
            while !serving.is_cancelled() {
                assert!(history(&suite, &thread.0, "").await.unwrap() > 0);
                assert_eq!(customer(&suite, &thread.1, "").await.unwrap().message_count, 1);
                reads += 1;
            }
            reads
        }
    });

    // Nobody stops anything: the services lose their connections and find another history under the same numbers.
    restore(&suite.databases, &suite.conversation_url, &file).await;
    let database = pool(&suite.conversation_url);
    assert!(head(&database).await < lost_head);
    let mut new = Vec::new();
    for round in 0.. {
        let more = write(&suite, channel, &format!("new-{round}"), 5).await;
        // At once: while the followers' places are those of the lost history, and higher.
        assert_read(&suite, &more[..1]).await;
        new.extend(more);
        // Then on beyond the number where they were: the mark alone tells the two histories apart.
        if settled(&database).await > lost_head + 20 {
            break;
        }
    }
    let ended = loop {
        match timeout(GUARD, stream.message()).await.unwrap() {
            Ok(response) => assert!(response.unwrap().changes.is_empty(), "changes of another history"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::OutOfRange);
    assert_eq!(reason_of(&ended).as_deref(), Some(Reason::CursorGone.as_str()));

    assert_read(&suite, &kept).await;
    assert_read(&suite, &new).await;
    recorded(&record, settled(&database).await).await;
    serving.cancel();
    assert!(reader.await.unwrap() > 0);
    for thread in &lost {
        let refused = history(&suite, &kept[0].conversation, &thread.token).await;
        assert_refused(refused, Code::OutOfRange, Reason::CursorGone);
        // Swept: what only the lost history had.
        assert_refused(history(&suite, &thread.conversation, "").await, Code::NotFound, Reason::NotFound);
    }

    // The projections are what the database is.
    assert_eq!(Truth::projected(&record).await, Truth::read(&database).await);
    let generations: Vec<i64> =
        sqlx::query_scalar("SELECT generation FROM feed_cursor").fetch_all(&record).await.unwrap();
    assert_eq!(generations, [2]);
    let conversations = "SELECT id, version FROM conversation ORDER BY id";
    assert_same((&database, conversations), (&assignment, conversations)).await;
    assert_same(
        (&database, "SELECT id, epoch FROM timeline WHERE epoch IS NOT NULL ORDER BY id"),
        (&assignment, "SELECT entry_id, epoch FROM holder_change ORDER BY entry_id"),
    )
    .await;
    assert_same((&database, conversations), (&customers, conversations)).await;
    let contacts = "SELECT id, version FROM contact ORDER BY id";
    assert_same((&database, contacts), (&customers, contacts)).await;
    stop.cancel();
}
