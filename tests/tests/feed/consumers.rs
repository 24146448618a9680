//! Two replicas of a consumer with a database of its own, killed and frozen at random moments while others write.

use std::sync::Arc;

use chrono::TimeDelta;
use tandem_database::Pool;
use tandem_tests::{Parts, Process, Recorder, Suite, dump, eventually, restore};
use tokio_util::sync::CancellationToken;

use crate::support::{Writers, as_service, feed_source, pool, service_pool};
use crate::truth::{Truth, recorded, settled};

/// More than a lease.
const PAST_THE_LEASE: TimeDelta = TimeDelta::seconds(30);

/// The replicas, by the names that they record under.
struct Replicas {
    suite: Arc<Suite>,
    url: String,
    record: Pool,
    processes: Vec<(String, Process)>,
    started: usize,
}

impl Replicas {
    fn start(&mut self) {
        self.started += 1;
        let name = format!("replica-{}", self.started);
        let (endpoint, token) = feed_source(&self.suite);
        let clock = self.suite.folder().join("clock").display().to_string();
        let settings = [
            ("FEED_REPLICA", name.clone()),
            ("FEED_DATABASE_URL", self.url.clone()),
            ("FEED_ENDPOINT", endpoint),
            ("FEED_TOKEN", token),
            ("FEED_CLOCK", clock),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        self.processes.push((name, Process::spawn("feed-consumer", &settings)));
    }

    /// How many applications are recorded.
    async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM applied").fetch_one(&self.record).await.unwrap()
    }

    /// Waits until a random number of applications more, up to `most`, is recorded. Answers the process that holds the
    /// feed.
    async fn more(&self, most: f64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
        let by = 1 + (self.suite.ambient.fraction() * most) as i64;
        let from = self.count().await;
        let holder = eventually("more applications", || async {
            (self.count().await >= from + by).then_some(())?;
            sqlx::query_scalar("SELECT replica FROM applied ORDER BY n DESC LIMIT 1")
                .fetch_optional(&self.record)
                .await
                .unwrap()
        });
        let holder: String = holder.await;
        self.processes.iter().position(|(name, _)| *name == holder).unwrap()
    }

    /// Waits until another process than `gone` applies. Answers the number of its first application.
    async fn taken_over(&self, gone: &str, after: i64) -> i64 {
        eventually("another replica that takes over", || async {
            sqlx::query_scalar("SELECT min(n) FROM applied WHERE replica <> $1 AND n > $2")
                .bind(gone)
                .bind(after)
                .fetch_one(&self.record)
                .await
                .unwrap()
        })
        .await
    }

    async fn last(&self) -> i64 {
        sqlx::query_scalar("SELECT coalesce(max(n), 0) FROM applied").fetch_one(&self.record).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_frozen_consumers_miss_nothing_and_apply_nothing_twice() {
    let mut suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    Recorder::prepare(&record).await;
    let suite = Arc::new(suite);
    let mut replicas = Replicas {
        suite: Arc::clone(&suite),
        url,
        record: record.clone(),
        processes: Vec::new(),
        started: 0,
    };
    replicas.start();
    replicas.start();
    let writers = Writers::start(channel, &[suite.as_adapter(0, channel), suite.as_adapter(1, channel)]);

    for round in 0..4 {
        let holder = replicas.more(400.0).await;
        let name = replicas.processes[holder].0.clone();
        let before = replicas.last().await;
        if round % 2 == 0 {
            let (_, mut process) = replicas.processes.remove(holder);
            process.kill();
            // Nothing but the lease's end gives the feed to another: the clock stands until it is moved.
            suite.ambient.clock().advance(PAST_THE_LEASE);
            replicas.taken_over(&name, before).await;
            replicas.start();
        } else {
            replicas.processes[holder].1.freeze();
            suite.ambient.clock().advance(PAST_THE_LEASE);
            let taken = replicas.taken_over(&name, before).await;
            // It goes on in the middle of whatever it did, with batches that it received before.
            replicas.processes[holder].1.thaw();
            replicas.more(400.0).await;
            let after: i64 = sqlx::query_scalar("SELECT count(*) FROM applied WHERE replica = $1 AND n > $2")
                .bind(&name)
                .bind(taken)
                .fetch_one(&record)
                .await
                .unwrap();
            assert_eq!(after, 0, "a replica that was frozen past its lease wrote");
        }
    }
    writers.stop().await;
    recorded(&record, settled(&database).await).await;
    Truth::read(&database).await.assert_recorded(&record).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stops_gives_the_feed_to_the_next_at_once() {
    let mut suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    Recorder::prepare(&record).await;
    let writers = Writers::start(channel, &[suite.as_adapter(0, channel)]);
    for round in 0..3 {
        let stop = CancellationToken::new();
        let source = as_service(&suite, 0);
        let name = format!("replica-{round}");
        let _progress =
            Recorder::spawn(&name, service_pool(&url), suite.ambient.clone(), source, stop.clone());
        eventually("a replica that applies, with no move of the clock", || async {
            let applied = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM applied WHERE replica = $1)");
            applied.bind(&name).fetch_one(&record).await.unwrap_or(false).then_some(())
        })
        .await;
        stop.cancel();
    }
    writers.stop().await;
    let stop = CancellationToken::new();
    let source = as_service(&suite, 0);
    let _progress = Recorder::spawn("last", service_pool(&url), suite.ambient.clone(), source, stop.clone());
    recorded(&record, settled(&database).await).await;
    Truth::read(&database).await.assert_recorded(&record).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_own_database_is_restored_goes_on_from_the_dump() {
    let mut suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    Recorder::prepare(&record).await;
    let stop = CancellationToken::new();
    let source = as_service(&suite, 0);
    let _progress = Recorder::spawn("only", service_pool(&url), suite.ambient.clone(), source, stop.clone());
    let doors = [suite.as_adapter(0, channel)];
    let file = suite.folder().join("consumer.sql");

    let writers = Writers::start(channel, &doors);
    eventually("some applications", || async {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM applied").fetch_one(&record).await.unwrap();
        (count > 200).then_some(())
    })
    .await;
    // The dump holds the lease of the replica that goes on running.
    dump(&url, &file).await;
    writers.stop().await;
    recorded(&record, settled(&database).await).await;
    restore(&suite.databases, &url, &file).await;
    let fresh = pool(&url);
    recorded(&fresh, settled(&database).await).await;
    Truth::read(&database).await.assert_recorded(&fresh).await;
    stop.cancel();
}
