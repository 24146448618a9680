//! Dedup keys: each external id of a channel once, for good.

use tandem_database::{Connection, Result};
use uuid::Uuid;

/// A channel's hash of an external id.
pub type Key = (Uuid, [u8; 16]);

/// What an external id became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub message_id: Option<Uuid>,
    pub conversation_id: Option<Uuid>,
    pub position: i64,
}

fn arrays<'a>(keys: impl IntoIterator<Item = &'a Key>) -> (Vec<Uuid>, Vec<Vec<u8>>) {
    keys.into_iter().map(|(channel, key)| (*channel, key.to_vec())).unzip()
}

fn key(bytes: Vec<u8>) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}

/// Claims keys, sorted so that two writers never wait for each other in a circle. Answers those that were new. Waits for
/// writers that hold the same keys.
pub async fn claim(connection: &mut Connection, tenant_id: Uuid, keys: &[Key]) -> Result<Vec<Key>> {
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let (channels, hashes) = arrays(&sorted);
    let rows = sqlx::query!(
        "INSERT INTO dedup (tenant_id, channel_id, key)
         SELECT $1, channel_id, key FROM unnest($2::uuid[], $3::bytea[]) AS new (channel_id, key)
         ORDER BY channel_id, key
         ON CONFLICT DO NOTHING RETURNING channel_id, key",
        tenant_id,
        &channels,
        &hashes,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.channel_id, key(row.key))).collect())
}

/// What keys became. A statement of its own after [`claim`]: the one that lost a race cannot see the winner's row.
pub async fn find(connection: &mut Connection, tenant_id: Uuid, keys: &[Key]) -> Result<Vec<(Key, Known)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (channels, hashes) = arrays(keys);
    let rows = sqlx::query!(
        "SELECT d.channel_id, d.key, message_id, conversation_id, position
         FROM unnest($2::uuid[], $3::bytea[]) AS wanted (channel_id, key)
         JOIN dedup d ON d.tenant_id = $1 AND d.channel_id = wanted.channel_id AND d.key = wanted.key",
        tenant_id,
        &channels,
        &hashes,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let known = Known {
                message_id: row.message_id,
                conversation_id: row.conversation_id,
                position: row.position,
            };
            ((row.channel_id, key(row.key)), known)
        })
        .collect())
}

/// Records what claimed keys became, in the same transaction.
pub async fn record(connection: &mut Connection, tenant_id: Uuid, known: &[(Key, Known)]) -> Result<()> {
    if known.is_empty() {
        return Ok(());
    }
    let (channels, hashes) = arrays(known.iter().map(|(key, _)| key));
    let messages: Vec<Option<Uuid>> = known.iter().map(|(_, known)| known.message_id).collect();
    let conversations: Vec<Option<Uuid>> = known.iter().map(|(_, known)| known.conversation_id).collect();
    let positions: Vec<i64> = known.iter().map(|(_, known)| known.position).collect();
    sqlx::query!(
        "UPDATE dedup AS d SET message_id = n.message_id, conversation_id = n.conversation_id, position = n.position
         FROM unnest($2::uuid[], $3::bytea[], $4::uuid[], $5::uuid[], $6::bigint[])
              AS n (channel_id, key, message_id, conversation_id, position)
         WHERE d.tenant_id = $1 AND d.channel_id = n.channel_id AND d.key = n.key",
        tenant_id,
        &channels,
        &hashes,
        &messages as &[Option<Uuid>],
        &conversations as &[Option<Uuid>],
        &positions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives keys back that were claimed only to keep others from storing them meanwhile, in the same transaction.
pub async fn give_back(connection: &mut Connection, tenant_id: Uuid, keys: &[Key]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let (channels, hashes) = arrays(keys);
    sqlx::query!(
        "DELETE FROM dedup d USING unnest($2::uuid[], $3::bytea[]) AS held (channel_id, key)
         WHERE d.tenant_id = $1 AND d.channel_id = held.channel_id AND d.key = held.key",
        tenant_id,
        &channels,
        &hashes,
    )
    .execute(connection)
    .await?;
    Ok(())
}
