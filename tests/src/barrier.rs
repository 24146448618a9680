use sqlx::{Connection, PgConnection};

use crate::eventually;

/// A transaction of the test's own that stands in the way until it is lifted.
#[derive(Debug)]
pub struct Barrier(PgConnection);

impl Barrier {
    /// Takes the locks of a statement, such as `SELECT … FOR UPDATE`.
    ///
    /// # Panics
    /// When the database does not take it.
    pub async fn lock(url: &str, statement: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let locked = format!("BEGIN; {statement}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(locked)).execute(&mut connection).await.unwrap();
        Self(connection)
    }

    /// Waits until something of a database stands before a lock.
    ///
    /// # Panics
    /// When nothing does.
    pub async fn holds(url: &str) {
        let connection = PgConnection::connect(url).await.unwrap();
        let name = url.rsplit_once('/').unwrap().1;
        let asked = tokio::sync::Mutex::new(connection);
        let waits = async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'",
            )
            .bind(name)
            .fetch_one(&mut *asked.lock().await)
            .await
            .unwrap();
            (waiting > 0).then_some(())
        };
        eventually("something stands before a lock", waits).await;
    }

    /// # Panics
    /// When the connection is lost.
    pub async fn lift(self) {
        self.0.close().await.unwrap();
    }
}
