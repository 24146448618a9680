use std::collections::{BTreeMap, BTreeSet};

use tandem_database::{Result, begin_snapshot};
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::model::{Contact, Key, Tag};
use crate::store;

/// What a person's customers have, beside the profile.
#[derive(Debug)]
pub struct Held {
    /// All of them: one for each presence on a channel.
    pub contacts: Vec<Contact>,
    pub tags: Vec<Tag>,
    /// What people said of customers that were merged into the one.
    pub merged: Vec<Merged>,
}

/// What a merged customer keeps.
#[derive(Debug)]
pub struct Merged {
    pub id: Uuid,
    pub corrected_name: String,
    pub language: String,
    pub time_zone: String,
    pub company: String,
    pub category: String,
    /// By the keys of their definitions.
    pub attributes: BTreeMap<String, String>,
}

/// Over a customer that stands for itself and those that were merged into it.
pub async fn held(core: &Core, root: Key) -> Result<Held> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let members = store::customer::members(&mut snapshot, root).await?;
    let keys: BTreeSet<Key> = members.into_iter().map(|id| (root.0, id)).collect();
    let contacts = store::contact::of_customers(&mut snapshot, &keys).await?;
    let shown = store::profile::read(&mut snapshot, &[root]).await?;
    let tag_ids = shown.into_iter().flat_map(|profile| profile.tag_ids).collect::<Vec<_>>();
    let tags = store::tag::by_ids(&mut snapshot, root.0, &tag_ids).await?;
    let merged = store::privacy::merged(&mut snapshot, root).await?;
    Ok(Held { contacts: contacts.into_iter().map(|(_, contact)| contact).collect(), tags, merged })
}
