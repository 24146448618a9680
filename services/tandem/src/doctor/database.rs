use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use tandem_ambient::Ambient;
use tandem_database::{DatabaseConfig, SchemaState, schema_state};

use super::finding::Finding;
use super::services::MAX_SKEW;
use crate::connection::ServiceName;
use crate::postgres::open;
use crate::suite::migrator;

/// The oldest server that the schema works on, as `server_version_num` counts.
const OLDEST: i32 = 150_000;

/// What the server says of itself.
#[derive(Debug, sqlx::FromRow)]
struct Server {
    version: String,
    version_number: i32,
    time: DateTime<Utc>,
    replicas: i64,
    synchronous: bool,
}

/// Looks at one service's database.
pub async fn check(service: ServiceName, url: &str, ambient: &Ambient) -> Vec<Finding> {
    let name = format!("{service} database");
    let mut connection = match open(url).await {
        Ok(connection) => connection,
        Err(error) => {
            let advice = "is PostgreSQL running, and are address, user and password right?";
            return vec![Finding::wrong(&name, format!("does not answer: {error}"), advice)];
        }
    };
    let server = server(&mut connection).await;
    let _ = connection.close().await;
    let mut findings = match server {
        Ok(server) => judge(&name, &server, ambient.now()),
        Err(error) => {
            vec![Finding::wrong(&name, format!("can't be asked: {error}"), "may its user read pg_settings?")]
        }
    };
    findings.push(schema(service, url).await);
    findings
}

async fn server(connection: &mut PgConnection) -> Result<Server, sqlx::Error> {
    // The one place where the database is asked for its time: to compare it with ours.
    let statement = "SELECT current_setting('server_version') AS version, \
         current_setting('server_version_num')::integer AS version_number, clock_timestamp() AS time, \
         (SELECT count(*) FROM pg_stat_replication) AS replicas, \
         current_setting('synchronous_standby_names') <> '' \
             AND current_setting('synchronous_commit') NOT IN ('off', 'local') AS synchronous";
    sqlx::query_as(statement).fetch_one(connection).await
}

fn judge(name: &str, server: &Server, now: DateTime<Utc>) -> Vec<Finding> {
    let version = format!("PostgreSQL {}", server.version);
    let mut findings = vec![if server.version_number < OLDEST {
        Finding::wrong(name, version, "upgrade to PostgreSQL 15 or newer")
    } else {
        Finding::fine(name, version)
    }];
    if server.replicas > 0 && !server.synchronous {
        findings.push(Finding::wrong(
            name,
            format!("has {} replicas and does not wait for any", server.replicas),
            "set synchronous_standby_names: until then a fail-over may lose what was acknowledged",
        ));
    }
    let skew = server.time - now;
    if skew.abs() > MAX_SKEW {
        findings.push(Finding::wrong(
            name,
            format!("its clock is {} seconds from this machine's", skew.num_seconds()),
            "synchronise the clocks (NTP)",
        ));
    }
    findings
}

async fn schema(service: ServiceName, url: &str) -> Finding {
    let name = format!("{service} schema");
    let pool = match tandem_database::connect(url, &DatabaseConfig::default(), "tandem doctor") {
        Ok(pool) => pool,
        Err(error) => return Finding::wrong(&name, error.to_string(), "correct the address"),
    };
    let state = schema_state(&pool, migrator(service)).await;
    pool.close().await;
    match state {
        Ok(SchemaState::Usable) => Finding::fine(&name, "has every migration"),
        Ok(SchemaState::Behind(missing)) => {
            Finding::wrong(&name, format!("lacks {} migrations", missing.len()), "run `tandem migrate`")
        }
        Err(error) => Finding::wrong(&name, error.to_string(), "may its user read _sqlx_migrations?"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::finding::State;
    use super::*;

    fn server() -> Server {
        Server {
            version: "15.14".to_owned(),
            version_number: 150_014,
            time: DateTime::default(),
            replicas: 0,
            synchronous: false,
        }
    }

    fn wrong(server: &Server) -> Vec<String> {
        let findings = judge("x", server, DateTime::default());
        findings.iter().filter(|one| one.state == State::Wrong).map(ToString::to_string).collect()
    }

    #[test]
    fn a_replica_that_nobody_waits_for_is_told() {
        assert!(wrong(&server()).is_empty(), "a server without replicas needs no waiting");
        assert!(wrong(&Server { replicas: 1, synchronous: true, ..server() }).is_empty());
        let told = wrong(&Server { replicas: 2, ..server() });
        assert!(told[0].contains("2 replicas") && told[0].contains("synchronous_standby_names"), "{told:?}");
    }

    #[test]
    fn old_servers_and_wrong_clocks_are_told() {
        assert!(wrong(&Server { version_number: 140_012, ..server() })[0].contains("upgrade"));
        let time = DateTime::default() - TimeDelta::seconds(90);
        assert!(wrong(&Server { time, ..server() })[0].contains("-90 seconds"));
    }
}
