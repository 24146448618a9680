//! The rules. An operation opens its transaction, passes the connection down and commits once.

pub mod address;
pub mod attribute;
pub mod erasure;
pub mod import;
pub mod merge;
pub mod model;
pub mod note;
pub mod privacy;
pub mod profile;
pub mod projection;
pub mod scope;
pub mod suggestion;
pub mod tag;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tandem_ambient::Ambient;
use tandem_change_feed::{Row, Sequencer, Written, outbox};
use tandem_database::{Connection, Pool, Result};
use tandem_proto::feed::v1::ChangeKind;
use tokio::sync::Notify;

use model::Key;

/// What every operation stands on.
#[derive(Clone)]
pub struct Core {
    pub pool: Pool,
    pub ambient: Ambient,
    pub sequencer: Sequencer,
    /// Something is left to do that no call waits for.
    pub left: Arc<Notify>,
    /// An erasure has begun.
    pub erasing: Arc<Notify>,
}

/// A write on its way to the feed, as it is kept with the first answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    outbox_id: i64,
    mark: i64,
}

impl From<Written> for Change {
    fn from(written: Written) -> Self {
        Self { outbox_id: written.outbox_id, mark: written.mark }
    }
}

impl From<Change> for Written {
    fn from(change: Change) -> Self {
        Self { outbox_id: change.outbox_id, mark: change.mark }
    }
}

/// Tells the feed of customers whose rows are locked. Answers the last change.
///
/// Only what others project is told: name, tags, contacts with their identities, merges, and what people edit. A change
/// of counts or of the last contact alone takes a new version and no row, or every message would become two changes.
async fn tell(
    connection: &mut Connection,
    ambient: &Ambient,
    customers: &[(Key, i64)],
) -> Result<Option<Change>> {
    let rows: Vec<Row> =
        customers.iter().map(|(key, version)| row(ChangeKind::Customer, *key, *version)).collect();
    Ok(outbox::write(connection, ambient, &rows).await?.map(Change::from))
}

/// What the feed is told of an entity whose row is locked.
fn row(kind: ChangeKind, (tenant_id, entity_id): Key, version: i64) -> Row {
    Row { tenant_id, kind, entity_id, version }
}
