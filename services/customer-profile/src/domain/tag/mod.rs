//! Tags: created on use, compared without case, carried by id, counted, renamed, merged and deleted without touching customers.
//!
//! Who writes which customer carries what, or which customers are one, holds the tenant's tags together with others, before
//! the first lock of a customer; who renames, merges or deletes tags holds them alone. So what a tag stands for stands still
//! meanwhile, and counts are exact. Counts are locked last.

mod bulk;
mod clear;
mod delete;
mod edit;
mod fold;
mod list;
mod merge;
mod name;
mod names;
mod plan;
mod update;

use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};
use tandem_proto::feed::v1::ChangeKind;
use uuid::Uuid;

use super::model::Tag;
use super::{Change, Core, row};

pub use bulk::{BulkUpdate, Outcome, bulk_update};
pub use clear::clear;
pub use delete::{DeleteTag, delete};
pub use edit::{UpdateTag, edit};
pub use fold::fold;
pub use list::list;
pub use merge::{MergeTags, merge};
pub use name::{MOST_CHARACTERS, TagName, key};
pub use names::Names;
pub use plan::Plan;
pub use update::{UpdateTags, update};

pub use crate::store::carried::count_again;

/// Tags that a tenant may have.
const MOST_OF_TENANT: i32 = 2_000;
/// Tags that a customer may carry.
const MOST_OF_CUSTOMER: usize = 50;

/// A tag after a change of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changed {
    pub tag: Tag,
    /// `None` when everything was so already.
    pub change: Option<Change>,
}

fn limit(message: &str, most: impl ToString) -> Fault {
    Fault::new(Reason::LimitReached, message).with("limit", most)
}

/// Tells the feed of tags, by id and version. Their tenant's tags are held alone.
async fn tell(
    connection: &mut Connection,
    core: &Core,
    tenant: Uuid,
    tags: &[(Uuid, i64)],
) -> Result<Option<Change>> {
    let rows: Vec<_> =
        tags.iter().map(|(id, version)| row(ChangeKind::Tag, (tenant, *id), *version)).collect();
    Ok(tandem_change_feed::outbox::write(connection, &core.ambient, &rows).await?.map(Change::from))
}
