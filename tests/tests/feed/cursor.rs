//! Cursors: watermarks of an idle feed, forged and pruned places, and the rebuild that follows.

use std::sync::Arc;

use chrono::TimeDelta;
use tandem_change_feed::{Apply, Change, Consumer, ConsumerConfig};
use tandem_database::{Connection, Result};
use tandem_fault::{Reason, reason_of};
use tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient;
use tandem_proto::feed::v1::{ChangeKind, Cursor, SubscribeRequest};
use tandem_tests::{Parts, Recorder, Suite, eventually, item, whatsapp};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use uuid::Uuid;

use crate::support::{GUARD, as_service, pool, service_pool, subscribe};
use crate::truth::{Truth, recorded, settled};

async fn write(suite: &Suite, channel: Uuid, name: &str, count: usize) {
    let items =
        (0..count).map(|n| item(format!("{name}-{n}"), vec![whatsapp(&format!("{name}-{n}"))], "words"));
    suite.ingest(0, channel, items.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_feed_says_how_far_it_is() {
    let suite = Arc::new(Suite::start(Parts::CONVERSATION).await);
    let channel = suite.create_channel().await;
    write(&suite, channel, "before", 5).await;
    let last = settled(&pool(&suite.conversation_url)).await;
    let seen = subscribe(&suite, 0, watch::channel(Some(last)).1).await.unwrap();
    let after = seen.cursor;

    let mut client = ChangeFeedServiceClient::new(as_service(&suite, 0));
    let mut idle = client
        .subscribe(SubscribeRequest { after: Some(after), kinds: Vec::new() })
        .await
        .unwrap()
        .into_inner();
    for _ in 0..2 {
        // At once, and again and again while nothing happens.
        let watermark = timeout(GUARD, idle.message()).await.unwrap().unwrap().unwrap();
        assert_eq!((watermark.cursor, watermark.head_seq), (Some(after), last));
        assert!(watermark.changes.is_empty());
    }
    // Whoever wants other kinds only moves on all the same: its cursor must not grow old.
    let kinds = vec![i32::from(ChangeKind::Tenant)];
    let request = SubscribeRequest { after: Some(after), kinds };
    let mut others = client.subscribe(request).await.unwrap().into_inner();
    write(&suite, channel, "after", 5).await;
    let head = settled(&pool(&suite.conversation_url)).await;
    loop {
        let moved = timeout(GUARD, others.message()).await.unwrap().unwrap().unwrap();
        assert!(moved.changes.is_empty());
        if moved.cursor.unwrap().seq == head {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_the_feed_does_not_know_is_out_of_range() {
    let suite = Arc::new(Suite::start(Parts::CONVERSATION).await);
    let channel = suite.create_channel().await;
    write(&suite, channel, "one", 5).await;
    let database = pool(&suite.conversation_url);
    let last = settled(&database).await;
    let known = subscribe(&suite, 0, watch::channel(Some(last)).1).await.unwrap().cursor;
    let mut client = ChangeFeedServiceClient::new(as_service(&suite, 0));
    let mut refused = async |after: Cursor| {
        let refused = client.subscribe(SubscribeRequest { after: Some(after), kinds: Vec::new() }).await;
        let status = refused.expect_err("a place that the feed does not know");
        assert_eq!(status.code(), Code::OutOfRange);
        assert_eq!(reason_of(&status).as_deref(), Some(Reason::CursorGone.as_str()));
    };
    refused(Cursor { mark: known.mark ^ 1, ..known }).await;
    refused(Cursor { seq: known.seq + 1, ..known }).await;
    refused(Cursor { seq: -1, mark: 0 }).await;
    // Pruned: the beginning too.
    write(&suite, channel, "two", 5).await;
    settled(&database).await;
    let mut connection = database.acquire().await.unwrap();
    let before = suite.ambient.now() + TimeDelta::days(1);
    assert!(tandem_change_feed::prune(&mut connection, before, 10_000).await.unwrap() > 0);
    refused(known).await;
    refused(Cursor::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_takes_a_beginning_of_the_feed_and_never_a_hole() {
    let suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    write(&suite, channel, "one", 10).await;
    let database = pool(&suite.conversation_url);
    let head = settled(&database).await;
    // A process whose clock runs ahead numbered one in the middle.
    sqlx::query("UPDATE feed SET sequenced_at = sequenced_at + interval '30 days' WHERE seq = 9")
        .execute(&database)
        .await
        .unwrap();
    let mut connection = database.acquire().await.unwrap();
    let before = suite.ambient.now() + TimeDelta::days(1);
    assert_eq!(tandem_change_feed::prune(&mut connection, before, 5).await.unwrap(), 5);
    assert_eq!(tandem_change_feed::prune(&mut connection, before, 10_000).await.unwrap(), 3);
    let left: Vec<i64> =
        sqlx::query_scalar("SELECT seq FROM feed ORDER BY seq").fetch_all(&database).await.unwrap();
    assert_eq!(left, (9..=head).collect::<Vec<_>>());
    let before = suite.ambient.now() + TimeDelta::days(60);
    tandem_change_feed::prune(&mut connection, before, 10_000).await.unwrap();
    let left: Vec<i64> = sqlx::query_scalar("SELECT seq FROM feed").fetch_all(&database).await.unwrap();
    assert_eq!(left, [head], "the newest stays: its mark is the head's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_was_away_for_too_long_rebuilds_and_sweeps() {
    let mut suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    Recorder::prepare(&record).await;
    let follow = |stop: &CancellationToken| {
        Recorder::spawn(
            "only",
            service_pool(&url),
            suite.ambient.clone(),
            as_service(&suite, 0),
            stop.clone(),
        )
    };

    let stop = CancellationToken::new();
    let progress = follow(&stop);
    write(&suite, channel, "one", 50).await;
    recorded(&record, settled(&database).await).await;
    stop.cancel();
    // The receiver outlives the consumer: its end is the end of its last write.
    let mut progress = progress;
    timeout(GUARD, async { while progress.changed().await.is_ok() {} }).await.unwrap();

    for chunk in 0..4 {
        // More than one page of the snapshot.
        write(&suite, channel, &format!("away-{chunk}"), 200).await;
    }
    settled(&database).await;
    let mut connection = database.acquire().await.unwrap();
    tandem_change_feed::prune(&mut connection, suite.ambient.now() + TimeDelta::days(1), 100_000)
        .await
        .unwrap();
    // Something that no snapshot holds, as if it had been erased meanwhile.
    sqlx::query(
        "INSERT INTO projection SELECT tenant_id, kind, $1, generation, version FROM projection WHERE kind = 4 LIMIT 1",
    )
    .bind(suite.ambient.id())
    .execute(&record)
    .await
    .unwrap();

    let stop = CancellationToken::new();
    let _progress = follow(&stop);
    write(&suite, channel, "two", 50).await;
    recorded(&record, settled(&database).await).await;
    assert_eq!(Truth::projected(&record).await, Truth::read(&database).await);
    let generation: i64 =
        sqlx::query_scalar("SELECT generation FROM feed_cursor").fetch_one(&record).await.unwrap();
    assert_eq!(generation, 2);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_keeps_more_builds_anew_beside_the_one_before() {
    let mut suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    Recorder::prepare(&record).await;
    let stop = CancellationToken::new();
    let follow = |shape: u16| {
        let (pool, channel) = (service_pool(&url), as_service(&suite, 0));
        Recorder::spawn_shape(shape, "a", pool, suite.ambient.clone(), channel, stop.clone())
    };
    let _before = follow(0);
    write(&suite, channel, "one", 50).await;
    recorded(&record, settled(&database).await).await;
    // An upgrade: both serve for a while. What the release before writes must not undo what the new one wrote.
    let _after = follow(1);
    for batch in 0..10 {
        write(&suite, channel, &format!("both-{batch}"), 20).await;
    }
    let head = settled(&database).await;
    let places = || async {
        let places: Vec<i64> =
            sqlx::query_scalar("SELECT seq FROM feed_cursor WHERE rebuild_page IS NULL AND seq = $1")
                .bind(head)
                .fetch_all(&record)
                .await
                .unwrap();
        (places.len() == 2).then_some(())
    };
    eventually("both are at the head", places).await;
    assert_eq!(Truth::projected(&record).await, Truth::read(&database).await);
    let oldest: i64 =
        sqlx::query_scalar("SELECT min(generation) FROM projection").fetch_one(&record).await.unwrap();
    assert!(oldest > 1 << 32, "everything is of the new shape, also what did not change since");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_rolled_back_builds_anew_and_so_does_the_one_that_comes_again() {
    let mut suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    Recorder::prepare(&record).await;
    let mut before = 0;
    // Up, back, and up again; the last writes while nobody follows are those of each round.
    for (round, shape) in [0, 1, 0, 1].into_iter().enumerate() {
        let stop = CancellationToken::new();
        let (own, from) = (service_pool(&url), as_service(&suite, 0));
        let _progress = Recorder::spawn_shape(shape, "a", own, suite.ambient.clone(), from, stop.clone());
        write(&suite, channel, &format!("round-{round}"), 30).await;
        let truth = async || {
            settled(&database).await;
            (Truth::projected(&record).await == Truth::read(&database).await).then_some(())
        };
        eventually("what is kept is what is so", truth).await;
        let generation: i64 =
            sqlx::query_scalar("SELECT min(generation) FROM projection").fetch_one(&record).await.unwrap();
        assert!(round == 0 || generation > before, "everything is built anew, {generation} after {before}");
        before =
            sqlx::query_scalar("SELECT max(generation) FROM projection").fetch_one(&record).await.unwrap();
        stop.cancel();
        let given_back = async || {
            let held: i64 = sqlx::query_scalar("SELECT count(*) FROM feed_cursor WHERE lease IS NOT NULL")
                .fetch_one(&record)
                .await
                .unwrap();
            (held == 0).then_some(())
        };
        eventually("the lease is given back", given_back).await;
    }
}

/// Counts the entities of the feed, as a projection with totals does: by what it reads before it writes.
struct Tally;

impl Apply for Tally {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[ChangeKind::Message]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        for change in changes {
            let id: Uuid = change.entity_id.parse().unwrap();
            let known: Option<i64> = sqlx::query_scalar("SELECT generation FROM counted WHERE id = $1")
                .bind(id)
                .fetch_optional(&mut *connection)
                .await?;
            let total: i64 =
                sqlx::query_scalar("SELECT total FROM tally").fetch_one(&mut *connection).await?;
            if known.is_none() {
                sqlx::query("UPDATE tally SET total = $1").bind(total + 1).execute(&mut *connection).await?;
            }
            if known.is_none_or(|known| known < generation) {
                sqlx::query(
                    "INSERT INTO counted VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET generation = $2",
                )
                .bind(id)
                .bind(generation)
                .execute(&mut *connection)
                .await?;
            }
        }
        Ok(())
    }

    async fn sweep(&self, _: &mut Connection, _: i64) -> Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_releases_side_by_side_count_nothing_twice() {
    let mut suite = Suite::start(Parts::CONVERSATION).await;
    let channel = suite.create_channel().await;
    let url = suite.databases.create(&tandem_assignment::MIGRATOR).await;
    let (database, record) = (pool(&suite.conversation_url), pool(&url));
    sqlx::raw_sql(
        "CREATE TABLE counted (id uuid PRIMARY KEY, generation bigint NOT NULL);
         CREATE TABLE tally (total bigint NOT NULL); INSERT INTO tally VALUES (0)",
    )
    .execute(&record)
    .await
    .unwrap();
    let stop = CancellationToken::new();
    for shape in [0, 1, 2] {
        let config = ConsumerConfig { feed: Recorder::FEED, shape, lease: Recorder::LEASE };
        let (own, from) = (service_pool(&url), as_service(&suite, 0));
        Consumer::spawn(config, own, suite.ambient.clone(), from, Arc::new(Tally), stop.clone());
        write(&suite, channel, &format!("before-{shape}"), 40).await;
    }
    for batch in 0..20 {
        write(&suite, channel, &format!("all-{batch}"), 20).await;
    }
    let head = settled(&database).await;
    let there = async || {
        let places: i64 =
            sqlx::query_scalar("SELECT count(*) FROM feed_cursor WHERE rebuild_page IS NULL AND seq = $1")
                .bind(head)
                .fetch_one(&record)
                .await
                .unwrap();
        (places == 3).then_some(())
    };
    eventually("all are at the head", there).await;
    let total: i64 = sqlx::query_scalar("SELECT total FROM tally").fetch_one(&record).await.unwrap();
    assert_eq!(total, 3 * 40 + 20 * 20);
    stop.cancel();
}
