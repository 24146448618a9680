//! Whoever follows a feed is stopped at any moment: what it leaves behind must not hold what the next one writes.

use tandem_database::{DatabaseConfig, begin, connect};
use tandem_tests::Databases;

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_nobody_waits_for_leaves_no_transaction_behind() {
    let mut databases = Databases::server();
    let url = databases.create_empty().await;
    // One connection, so that the next one gets what the last one left.
    let pool =
        connect(&url, &DatabaseConfig { connections: 1, ..DatabaseConfig::default() }, "tests").unwrap();
    let other =
        connect(&url, &DatabaseConfig { connections: 1, ..DatabaseConfig::default() }, "tests").unwrap();
    sqlx::raw_sql("CREATE TABLE written (n integer NOT NULL)").execute(&pool).await.unwrap();
    for n in 0..200 {
        tokio::select! {
            biased;
            _ = begin(&pool) => {}
            // Long enough for the BEGIN to be sent, too short for its answer; a little different each time.
            () = async { for _ in 0..n % 10 { tokio::task::yield_now().await } } => {}
        }
        sqlx::query("INSERT INTO written VALUES ($1)").bind(n).execute(&pool).await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&other).await.unwrap();
        assert_eq!(seen, i64::from(n) + 1, "written, acknowledged, and not committed");
    }
}
