//! Filters name labels by id; a merged label is found by either id.

use std::borrow::Cow;
use std::collections::HashMap;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::filter::{Filter, Tags};
use crate::store;

/// The ids that stand for each label.
type Groups = HashMap<Uuid, Vec<Uuid>>;

impl Filter {
    /// The filter with every id that stands for its labels: conversations carry whichever was put on.
    pub async fn with_merged_labels<'a>(
        &'a self,
        connection: &mut Connection,
        tenant_id: Uuid,
    ) -> Result<Cow<'a, Self>> {
        let ids: Vec<Uuid> = self.label_ids().collect();
        if ids.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let groups = store::label::groups(connection, tenant_id, &ids).await?;
        Ok(self
            .merged_labels(&groups)
            .map_or(Cow::Borrowed(self), |labels| Cow::Owned(Self { labels, ..self.clone() })))
    }

    /// The same for several filters, with one question.
    pub async fn merge_labels(
        connection: &mut Connection,
        tenant_id: Uuid,
        filters: &mut [Self],
    ) -> Result<()> {
        let ids: Vec<Uuid> = filters.iter().flat_map(Self::label_ids).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let groups = store::label::groups(connection, tenant_id, &ids).await?;
        for filter in filters {
            if let Some(labels) = filter.merged_labels(&groups) {
                filter.labels = labels;
            }
        }
        Ok(())
    }

    fn label_ids(&self) -> impl Iterator<Item = Uuid> {
        let Tags { any, all, none, .. } = &self.labels;
        any.iter().chain(all).chain(none).copied()
    }

    /// `None` when each of its labels has one id.
    fn merged_labels(&self, groups: &Groups) -> Option<Tags> {
        if self.label_ids().all(|id| groups[&id].len() == 1) {
            return None;
        }
        let every = |ids: &[Uuid]| ids.iter().flat_map(|id| groups[id].iter().copied()).collect();
        let Tags { any, all, none, .. } = &self.labels;
        Some(Tags {
            any: every(any),
            all: Vec::new(),
            none: every(none),
            any_of_each: all.iter().map(|id| groups[id].clone()).collect(),
        })
    }
}
