use std::str::FromStr;

use anyhow::{Context, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::connection::ServiceName;

/// Opens one connection.
pub async fn open(url: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnectOptions::from_str(url)?.application_name("tandem").connect().await
}

/// Whether the server takes connections.
pub async fn reachable(url: &str) -> Result<()> {
    open(url).await?.close().await?;
    Ok(())
}

/// The folder that the server keeps its data in.
pub async fn folder(url: &str) -> Result<String, sqlx::Error> {
    let mut connection = open(url).await?;
    let folder = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(folder)
}

/// Makes the databases of the services that are not there.
pub async fn create_missing(url: &str) -> Result<()> {
    let mut connection = open(url).await?;
    let present: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database")
        .fetch_all(&mut connection)
        .await
        .context("cannot list the databases")?;
    for service in ServiceName::ALL {
        let name = service.database();
        if !present.iter().any(|one| one == name) {
            // A name can't be a parameter; ours are constants.
            let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
            sqlx::raw_sql(statement)
                .execute(&mut connection)
                .await
                .with_context(|| format!("cannot make the database {name}"))?;
        }
    }
    connection.close().await?;
    Ok(())
}
