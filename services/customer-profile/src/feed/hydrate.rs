use tandem_change_feed::{Body, Hydrate, SnapshotRow};
use tandem_database::{Connection, Result};
use tandem_proto::feed::v1::ChangeKind;
use uuid::Uuid;

use crate::domain::model::{Key, Note, Profile, TagState};
use crate::{store, wire};

/// Reads customers, tags and notes for this service's own feed.
#[derive(Debug)]
pub struct Customers;

impl Hydrate for Customers {
    async fn read(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        ids: &[Key],
    ) -> Result<Vec<SnapshotRow>> {
        Ok(match kind {
            ChangeKind::Customer => {
                store::profile::read(connection, ids).await?.iter().map(customer).collect()
            }
            ChangeKind::Tag => store::tag::states(connection, ids).await?.into_iter().map(tag).collect(),
            ChangeKind::Note => store::note::by_keys(connection, ids).await?.into_iter().map(note).collect(),
            _ => Vec::new(),
        })
    }

    async fn page(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        after: Key,
        limit: i64,
    ) -> Result<Vec<SnapshotRow>> {
        let keys = match kind {
            ChangeKind::Customer => store::customer::after_key(connection, after, limit).await?,
            ChangeKind::Tag => store::tag::after_key(connection, after, limit).await?,
            ChangeKind::Note => store::note::after_key(connection, after, limit).await?,
            _ => Vec::new(),
        };
        self.read(connection, kind, &keys).await
    }
}

/// Without attributes: nobody who follows asks for them, and they would be most of every batch.
fn customer(profile: &Profile) -> SnapshotRow {
    let mut customer = wire::customer(profile);
    customer.attributes.clear();
    SnapshotRow { tenant_id: profile.tenant_id, entity_id: profile.id, body: Body::Customer(customer) }
}

fn note((tenant_id, note): (Uuid, Note)) -> SnapshotRow {
    SnapshotRow { tenant_id, entity_id: note.id, body: Body::Note(wire::note_state(note)) }
}

fn tag(state: TagState) -> SnapshotRow {
    SnapshotRow { tenant_id: state.tenant_id, entity_id: state.id, body: Body::Tag(wire::tag_state(state)) }
}
