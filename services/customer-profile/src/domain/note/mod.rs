//! Notes of the team about a customer. Each stays with the customer that it was written on; what it said before is kept.

mod add;
mod change;
mod delete;
mod edit;
mod history;
mod list;
mod pin;

use serde::{Deserialize, Serialize};
use tandem_change_feed::{Row, outbox};
use tandem_database::{Connection, Result};
use tandem_proto::feed::v1::ChangeKind;

use super::model::{Key, Note};
use super::{Change, Core, row};

pub use add::{AddNote, add};
pub use change::Editor;
pub use delete::{DeleteNote, delete};
pub use edit::{EditNote, edit};
pub use history::{History, history};
pub use list::{List, Place, every, list};
pub use pin::{PinNote, pin};

/// A note after a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Noted {
    pub note: Note,
    /// `None` when there was nothing to tell.
    pub change: Option<Change>,
}

/// Tells the feed of a note that calls agents, or called some, with whatever else changed.
async fn tell(
    connection: &mut Connection,
    core: &Core,
    note: Option<(Key, i64)>,
    customers: &[(Key, i64)],
) -> Result<Option<Change>> {
    let customers = customers.iter().map(|(key, version)| row(ChangeKind::Customer, *key, *version));
    let note = note.map(|(key, version)| row(ChangeKind::Note, key, version));
    let rows: Vec<Row> = customers.chain(note).collect();
    Ok(outbox::write(connection, &core.ambient, &rows).await?.map(Change::from))
}
