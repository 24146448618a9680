//! Filters name labels by id; a merged label is found by either id.

use std::borrow::Cow;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::filter::{Filter, Tags};
use crate::store;

impl Filter {
    /// The filter with every id that stands for its labels: conversations carry whichever was put on.
    pub async fn with_merged_labels<'a>(
        &'a self,
        connection: &mut Connection,
        tenant_id: Uuid,
    ) -> Result<Cow<'a, Self>> {
        let Tags { any, all, none, .. } = &self.labels;
        let ids: Vec<Uuid> = any.iter().chain(all).chain(none).copied().collect();
        if ids.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let groups = store::label::groups(connection, tenant_id, &ids).await?;
        if groups.values().all(|group| group.len() == 1) {
            return Ok(Cow::Borrowed(self));
        }
        let every = |ids: &[Uuid]| ids.iter().flat_map(|id| groups[id].iter().copied()).collect();
        let labels = Tags {
            any: every(any),
            all: Vec::new(),
            none: every(none),
            any_of_each: all.iter().map(|id| groups[id].clone()).collect(),
        };
        Ok(Cow::Owned(Self { labels, ..self.clone() }))
    }
}
