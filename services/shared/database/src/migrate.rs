use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::Pool;

/// One lock for every `tandem migrate`, whatever the service: the databases may be one server.
const LOCK: i64 = 0x7461_6e64_656d;
/// How often the lock is asked for before giving up: a minute.
const LOCK_TRIES: u32 = 240;

/// Why a migration did not happen.
#[derive(Debug)]
pub enum MigrateError {
    Connect(sqlx::Error),
    /// Another migration held the lock for a minute.
    Locked,
    Failed(sqlx::migrate::MigrateError),
}

impl std::fmt::Display for MigrateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot reach the database: {error}"),
            Self::Locked => f.write_str("another migration has been running for a minute"),
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MigrateError {}

/// Brings a database to the newest schema. Answers how many migrations ran.
///
/// Takes a polled advisory lock: a blocking one is a transaction that `CREATE INDEX CONCURRENTLY` would wait for.
pub async fn migrate(url: &str, migrator: &Migrator) -> Result<usize, MigrateError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(MigrateError::Connect)?
        .application_name("tandem migrate")
        .options([("lock_timeout", "5000"), ("statement_timeout", "600000")]);
    let mut connection = options.connect().await.map_err(MigrateError::Connect)?;
    let mut tries = 0;
    while !sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut connection)
        .await
        .map_err(MigrateError::Connect)?
    {
        tries += 1;
        if tries == LOCK_TRIES {
            return Err(MigrateError::Locked);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let before = applied(&mut connection).await.len();
    let unlocked = Migrator { locking: false, ..Migrator::DEFAULT };
    let unlocked = Migrator { migrations: migrator.migrations.clone(), ..unlocked };
    unlocked.run_direct(None, &mut connection, false).await.map_err(MigrateError::Failed)?;
    let after = applied(&mut connection).await.len();
    // Closing the session gives the lock back.
    let _ = connection.close().await;
    Ok(after.saturating_sub(before))
}

async fn applied(connection: &mut sqlx::PgConnection) -> BTreeSet<i64> {
    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(connection)
        .await
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Whether a binary can work on a database's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// Every migration that the binary knows is there; newer ones may be too.
    Usable,
    /// Migrations are missing: run `tandem migrate`.
    Behind(Vec<i64>),
}

/// Compares a database with what the binary needs. Serving never migrates.
pub async fn schema_state(pool: &Pool, migrator: &Migrator) -> Result<SchemaState, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let present = applied(&mut connection).await;
    let missing: Vec<i64> = migrator
        .iter()
        .map(|migration| migration.version)
        .filter(|version| !present.contains(version))
        .collect();
    Ok(if missing.is_empty() { SchemaState::Usable } else { SchemaState::Behind(missing) })
}
