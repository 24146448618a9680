use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{Error, Pool, Result, Transaction};

/// How a service uses its database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Connections held open, always the same number: sqlx shares one timeout between waiting and connecting.
    pub connections: u32,
    /// Longest wait for a free connection in milliseconds; far below a call's deadline.
    pub acquire_timeout_ms: u64,
    /// Longest statement in milliseconds.
    pub statement_timeout_ms: u64,
    /// Longest wait for a row's lock in milliseconds.
    pub lock_timeout_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            connections: 10,
            acquire_timeout_ms: 2_000,
            statement_timeout_ms: 15_000,
            lock_timeout_ms: 5_000,
        }
    }
}

/// Opens a pool. Connects lazily, so that a service starts, and says NOT_SERVING, while its database is away.
///
/// Needs direct or session-pooled connections: prepared statements and advisory locks do not survive
/// transaction pooling.
pub fn connect(url: &str, config: &DatabaseConfig, application: &str) -> Result<Pool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?.application_name(application).options([
        ("statement_timeout", config.statement_timeout_ms.to_string()),
        ("lock_timeout", config.lock_timeout_ms.to_string()),
        // A process that was stopped in the middle of a transaction must not hold its locks for ever.
        ("idle_in_transaction_session_timeout", "10000".to_owned()),
        // Every statement is bounded: compiling one of many branches would take longer than running it.
        ("jit", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
    ]);
    Ok(PgPoolOptions::new()
        .min_connections(0)
        .max_connections(config.connections)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
        .idle_timeout(None)
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

/// Begins a transaction. A pooled connection that died while idle is replaced once.
///
/// Whoever waits for it may be dropped at any moment (a caller hangs up, a deadline passes), the beginning itself must
/// not: sqlx 0.9 would give the connection back inside a transaction that it does not know of (its issue 4393), and what
/// the next one writes there without a transaction of its own would not be committed. So it is a task of its own.
pub async fn begin(pool: &Pool) -> Result<Transaction> {
    let pool = pool.clone();
    match tokio::spawn(async move { begin_to_the_end(&pool).await }).await {
        Ok(begun) => begun,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Sql(sqlx::Error::PoolClosed)),
    }
}

async fn begin_to_the_end(pool: &Pool) -> Result<Transaction> {
    match pool.begin().await {
        Err(sqlx::Error::Io(_)) => {
            // Nothing was sent yet, so a fresh connection is safe.
            for _ in 0..pool.options().get_max_connections() {
                let Some(mut idle) = pool.try_acquire() else { break };
                if idle.ping().await.is_err() {
                    idle.close_on_drop();
                }
            }
            Ok(pool.begin().await?)
        }
        outcome => outcome.map_err(Error::from),
    }
}

/// Begins a read-only transaction that sees one state of the whole database.
pub async fn begin_snapshot(pool: &Pool) -> Result<Transaction> {
    let mut transaction = begin(pool).await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}
