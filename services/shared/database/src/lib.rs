//! PostgreSQL: pools, what a failure means, migrations under a polled lock.
//!
//! An operation opens its transaction with [`begin`], passes `&mut Connection` down and commits once;
//! a drop rolls back. Where races are settled by keys it runs its attempt in a loop:
//!
//! ```ignore
//! let mut attempts = Attempts::default();
//! loop {
//!     match attempt(service, &command).await {
//!         Err(error) if attempts.again(&error) => {}
//!         outcome => return outcome,
//!     }
//! }
//! ```

mod error;
mod migrate;
mod pool;

pub use error::{Attempts, Error, Failure, Result};
pub use migrate::{MigrateError, SchemaState, migrate, schema_state};
pub use pool::{DatabaseConfig, begin, begin_snapshot, connect};
pub use sqlx::migrate::Migrator;

pub type Pool = sqlx::PgPool;
pub type Connection = sqlx::PgConnection;
pub type Transaction = sqlx::Transaction<'static, sqlx::Postgres>;
