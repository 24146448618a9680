//! Sequencers that are killed and frozen: the numbers stay dense, nothing is lost, nothing has two.

use std::sync::Arc;

use tandem_database::Pool;
use tandem_tests::{Parts, Suite, eventually};
use tokio::sync::watch;

use crate::support::{Served, Writers, pool, subscribe};
use crate::truth::{Truth, assert_feed_is_whole, head, settled};

/// Waits until a random number of changes more, up to `most`, has been numbered.
async fn more(suite: &Suite, database: &Pool, most: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
    let by = 1 + (suite.ambient.fraction() * most) as i64;
    let from = head(database).await;
    eventually("more changes with numbers", || async { (head(database).await >= from + by).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_frozen_sequencers_lose_nothing_and_double_nothing() {
    let suite = Arc::new(Suite::start(Parts::CONVERSATION).await);
    let channel = suite.create_channel().await;
    let database = pool(&suite.conversation_url);
    let (end, ends) = watch::channel(None);
    let subscriber = subscribe(&suite, 0, ends);

    // The process that each round kills; the one that it freezes; the one in this process goes on.
    let mut killed = Served::start(&suite).await;
    let frozen = Served::start(&suite).await;
    for _ in 0..3 {
        let doors =
            [suite.as_adapter(0, channel), killed.door(&suite, channel), frozen.door(&suite, channel)];
        let writers = Writers::start(channel, &doors);
        more(&suite, &database, 300.0).await;
        killed.process.kill();
        more(&suite, &database, 300.0).await;
        // If it stood still with the head's lock, the others wait until PostgreSQL ends its transaction.
        frozen.process.freeze();
        more(&suite, &database, 300.0).await;
        killed = Served::start(&suite).await;
        more(&suite, &database, 300.0).await;
        frozen.process.thaw();
        writers.stop().await;
    }
    assert_feed_is_whole(&database).await;
    end.send_replace(Some(settled(&database).await));
    let seen = subscriber.await.unwrap();
    Truth::read(&database).await.assert_seen(&seen.events, &seen.versions);
}
