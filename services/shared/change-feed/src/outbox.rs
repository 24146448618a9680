//! The writing side's only call: thin rows in the transaction of the fact.

use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};
use tandem_proto::feed::v1::ChangeKind;
use uuid::Uuid;

/// One change of one entity. Write it after the entity's row is locked, so that the ids follow the order of the changes.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub tenant_id: Uuid,
    pub kind: ChangeKind,
    pub entity_id: Uuid,
    pub version: i64,
}

/// Names a write on its way to the feed: what a change token carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub outbox_id: i64,
    /// Random: another history of the same database (a restored dump) has other marks.
    pub mark: i64,
}

/// Writes rows in their order. Answers the last one, `None` for no rows.
pub async fn write(connection: &mut Connection, ambient: &Ambient, rows: &[Row]) -> Result<Option<Written>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let (mut marks, mut tenants, mut kinds, mut entities, mut versions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        marks.push(i64::from_le_bytes(ambient.bytes()));
        tenants.push(row.tenant_id);
        kinds.push(i16::try_from(i32::from(row.kind)).unwrap_or_default());
        entities.push(row.entity_id);
        versions.push(row.version);
    }
    let ids = sqlx::query_scalar!(
        "INSERT INTO outbox (mark, tenant_id, kind, entity_id, version)
         SELECT mark, tenant_id, kind, entity_id, version
         FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::uuid[], $5::bigint[])
              WITH ORDINALITY AS new (mark, tenant_id, kind, entity_id, version, n)
         ORDER BY n
         RETURNING id",
        &marks,
        &tenants,
        &kinds,
        &entities,
        &versions,
    )
    .fetch_all(connection)
    .await?;
    Ok(ids.last().zip(marks.last()).map(|(outbox_id, mark)| Written { outbox_id: *outbox_id, mark: *mark }))
}
