use tandem_change_feed::{Body, Hydrate, SnapshotRow};
use tandem_database::{Connection, Result};
use tandem_proto::feed::v1::ChangeKind;

use crate::domain::model::{Key, Profile};
use crate::{store, wire};

/// Reads customers for this service's own feed.
#[derive(Debug)]
pub struct Customers;

impl Hydrate for Customers {
    async fn read(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        ids: &[Key],
    ) -> Result<Vec<SnapshotRow>> {
        if kind != ChangeKind::Customer {
            return Ok(Vec::new());
        }
        Ok(store::profile::read(connection, ids).await?.iter().map(row).collect())
    }

    async fn page(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        after: Key,
        limit: i64,
    ) -> Result<Vec<SnapshotRow>> {
        if kind != ChangeKind::Customer {
            return Ok(Vec::new());
        }
        let keys = store::customer::after_key(connection, after, limit).await?;
        Ok(store::profile::read(connection, &keys).await?.iter().map(row).collect())
    }
}

/// Without attributes: nobody who follows asks for them, and they would be most of every batch.
fn row(profile: &Profile) -> SnapshotRow {
    let mut customer = wire::customer(profile);
    customer.attributes.clear();
    SnapshotRow { tenant_id: profile.tenant_id, entity_id: profile.id, body: Body::Customer(customer) }
}
