use tandem_database::{Result, begin_snapshot};

use super::{find, show};
use crate::domain::Core;
use crate::domain::attribute::Definition;
use crate::domain::model::{Key, Note, Profile, Tag};
use crate::domain::scope::Scope;
use crate::store;

/// Notes that a panel shows.
const NOTES: i64 = 20;

/// What a side panel shows of a customer, but its conversations.
#[derive(Debug)]
pub struct Panel {
    pub customer: Profile,
    pub tags: Vec<Tag>,
    pub notes: Vec<Note>,
    pub definitions: Vec<Definition>,
}

/// A customer with everything that is kept here: as many statements for much as for little, in one snapshot.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn panel(core: &Core, key: Key, scope: &Scope) -> Result<Panel> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let (tenant, root) = (key.0, find(&mut snapshot, key, scope).await?);
    let customer = show(&mut snapshot, (tenant, root)).await?;
    let tags = store::tag::by_ids(&mut snapshot, tenant, &customer.tag_ids).await?;
    let members = store::customer::members(&mut snapshot, (tenant, root)).await?;
    let notes = store::note::before(&mut snapshot, tenant, &members, None, NOTES).await?;
    let definitions = store::attribute::of_tenant(&mut snapshot, tenant).await?;
    Ok(Panel { customer, tags, notes, definitions })
}
