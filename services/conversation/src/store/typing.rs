//! Who types, between processes: PostgreSQL carries it and keeps nothing.

use sqlx::postgres::{PgListener, PgPoolOptions};
use tandem_database::{Connection, Pool, Result};
use uuid::Uuid;

use super::contact::{Address, arrays};

/// Hears what any process of the service tells.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Over a connection of its own to the pool's database: calls need theirs.
    pub async fn open(pool: &Pool) -> Result<Self> {
        let options = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let own = options.connect_lazy_with(pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen("tandem_typing").await?;
        Ok(Self(listener))
    }

    /// The next that is told. What is told while the connection is away is lost.
    pub async fn next(&mut self) -> Result<String> {
        Ok(self.0.recv().await?.payload().to_owned())
    }
}

/// Tells every process, this one too. Of less than 8,000 bytes each. In no transaction of anything else: a NOTIFY inside one
/// serialises every commit.
pub async fn notify(pool: &Pool, payloads: &[String]) -> Result<()> {
    sqlx::query!(
        "SELECT count(pg_notify('tandem_typing', payload)) FROM unnest($1::text[]) AS told (payload)",
        payloads
    )
    .fetch_one(pool)
    .await?;
    Ok(())
}

/// The contact behind the strongest of some verified addresses that are known, and its live conversation: no other contact
/// that a weaker one leads to.
pub async fn live_of(
    connection: &mut Connection,
    tenant_id: Uuid,
    addresses: &[Address],
) -> Result<Option<(Uuid, Uuid)>> {
    let (channels, kinds, values) = arrays(addresses);
    let row = sqlx::query!(
        r#"SELECT i.contact_id, c.id AS "conversation_id?"
           FROM unnest($2::uuid[], $3::smallint[], $4::text[]) AS wanted (channel_id, kind, value)
           JOIN contact_identity i ON i.tenant_id = $1 AND i.channel_id = wanted.channel_id
                AND i.kind = wanted.kind AND i.value = wanted.value
           LEFT JOIN conversation c ON c.tenant_id = i.tenant_id AND c.contact_id = i.contact_id AND c.status <> 4
           ORDER BY i.kind LIMIT 1"#,
        tenant_id,
        &channels,
        &kinds,
        &values,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(|row| Some((row.contact_id, row.conversation_id?))))
}
