//! Filters name labels and customers' tags by id; a merged one is found by either id.

use std::borrow::Cow;
use std::collections::HashMap;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::filter::{Filter, Tags};
use crate::store;

/// The ids that stand for each label or tag.
type Groups = HashMap<Uuid, Vec<Uuid>>;

/// What a filter's labels and tags mean at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meaning {
    labels: Tags,
    customer_tags: Tags,
}

impl Filter {
    /// The filter with every id that stands for its labels and tags: conversations and customers carry whichever was put on.
    pub async fn as_meant<'a>(
        &'a self,
        connection: &mut Connection,
        tenant_id: Uuid,
    ) -> Result<Cow<'a, Self>> {
        if self.labels.is_empty() && self.customer_tags.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let mut filters = [self.clone()];
        Self::mean(connection, tenant_id, &mut filters).await?;
        let [filter] = filters;
        Ok(Cow::Owned(filter))
    }

    /// The same for several filters, with one question for labels and one for tags.
    pub async fn mean(connection: &mut Connection, tenant_id: Uuid, filters: &mut [Self]) -> Result<()> {
        let labels: Vec<Uuid> = filters.iter().flat_map(|filter| filter.labels.ids()).collect();
        if !labels.is_empty() {
            let groups = store::label::groups(connection, tenant_id, &labels).await?;
            filters.iter_mut().for_each(|filter| filter.labels.spread(&groups));
        }
        let tags: Vec<Uuid> = filters.iter().flat_map(|filter| filter.customer_tags.ids()).collect();
        if !tags.is_empty() {
            let groups = store::customer_tag::groups(connection, tenant_id, &tags).await?;
            filters.iter_mut().for_each(|filter| filter.customer_tags.spread(&groups));
        }
        Ok(())
    }

    /// What its labels and tags mean, of a filter as it is meant.
    pub fn meaning(self) -> Meaning {
        Meaning { labels: self.labels, customer_tags: self.customer_tags }
    }
}

impl Tags {
    fn is_empty(&self) -> bool {
        self.ids().next().is_none()
    }

    fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.any.iter().chain(&self.all).chain(&self.none).copied()
    }

    /// Names every id of each group; nothing changes where each has one id, its own.
    fn spread(&mut self, groups: &Groups) {
        if self.ids().all(|id| groups[&id] == [id]) {
            return;
        }
        let every = |ids: &[Uuid]| ids.iter().flat_map(|id| groups[id].iter().copied()).collect();
        *self = Self {
            any: every(&self.any),
            all: Vec::new(),
            none: every(&self.none),
            any_of_each: self.all.iter().map(|id| groups[id].clone()).collect(),
        };
    }
}
