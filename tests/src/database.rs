use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tandem_ambient::Ambient;
use tandem_database::{Migrator, migrate};

/// Fresh databases on the test server, dropped with the value.
#[derive(Debug)]
pub struct Databases {
    server: PgConnectOptions,
    url: String,
    names: Vec<String>,
}

impl Databases {
    /// The test server.
    ///
    /// # Panics
    /// Without `TANDEM_TEST_DATABASE_URL`: a test that cannot run must not look as if it had.
    pub fn server() -> Self {
        let url = std::env::var("TANDEM_TEST_DATABASE_URL")
            .expect("TANDEM_TEST_DATABASE_URL names a PostgreSQL server; `make test` starts one");
        Self { server: PgConnectOptions::from_str(&url).unwrap(), url, names: Vec::new() }
    }

    /// A new, migrated database. Answers its URL.
    pub async fn create(&mut self, migrator: &Migrator) -> String {
        let url = self.create_empty().await;
        migrate(&url, migrator).await.unwrap();
        url
    }

    /// A new database without a schema. Answers its URL.
    pub async fn create_empty(&mut self) -> String {
        let name = format!("tandem_test_{}", Ambient::system().id().simple());
        self.execute(&format!("CREATE DATABASE {name}")).await;
        let url = self.url_of(&name);
        self.names.push(name);
        url
    }

    /// The URLs of what was created, oldest first.
    pub fn urls(&self) -> Vec<String> {
        self.names.iter().map(|name| self.url_of(name)).collect()
    }

    /// The URL of a database on the server.
    pub fn url_of(&self, name: &str) -> String {
        let (head, _) = self.url.rsplit_once('/').unwrap();
        format!("{head}/{name}")
    }

    /// Runs a statement on a database of the suite's.
    pub async fn execute_on(url: &str, statement: &str) {
        let mut connection = PgConnectOptions::from_str(url).unwrap().connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }

    /// What a statement answers on a database of the suite's.
    pub async fn rows_of(url: &str, statement: &str) -> Vec<sqlx::postgres::PgRow> {
        let mut connection = PgConnectOptions::from_str(url).unwrap().connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).fetch_all(&mut connection).await.unwrap()
    }

    /// Runs a statement on the server's own database.
    pub async fn execute(&self, statement: &str) {
        let mut connection = self.server.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let (server, names) = (self.server.clone(), std::mem::take(&mut self.names));
        // A thread of its own: a drop may come inside a runtime.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let Ok(mut connection) = server.connect().await else { return };
                for name in names {
                    let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await;
                }
            });
        });
        let _ = dropped.join();
    }
}
