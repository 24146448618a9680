use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tandem_ambient::Ambient;

use crate::MIGRATOR;

/// A database of a test's own, dropped with it.
pub struct Database {
    admin: PgConnectOptions,
    name: String,
}

impl Database {
    pub async fn new() -> Self {
        let url = std::env::var("TANDEM_TEST_DATABASE_URL")
            .expect("TANDEM_TEST_DATABASE_URL must name a PostgreSQL server where databases may be made");
        let admin = PgConnectOptions::from_str(&url).unwrap();
        let name = format!("tandem_test_{}", Ambient::system().id().simple());
        let mut connection = admin.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let database = Self { admin, name };
        tandem_database::migrate(&database.url(), &MIGRATOR).await.unwrap();
        database
    }

    pub fn url(&self) -> String {
        self.admin.clone().database(&self.name).to_url_lossy().to_string()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // A runtime of its own: the test's may be on its way out.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = admin.connect().await.unwrap();
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            });
        });
        let _ = dropped.join();
    }
}
