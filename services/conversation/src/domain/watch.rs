//! What live streams ask: the same questions as lists, of the conversations that changed.

use chrono::{DateTime, Utc};
use tandem_change_feed::{Cursor, Follower};
use tandem_database::Result;
use tandem_fault::Fault;
use uuid::Uuid;

use super::Domain;
use super::filter::Filter;
use super::label::Meaning;
use super::model::Row;
use super::viewer::Viewer;
use crate::feed::hydrate::Hydrator;
use crate::store;

/// Conversations that fall due in one look.
const DUE: i64 = 500;

impl Domain {
    /// Follows this service's own feed, from a cursor or from the head.
    pub async fn follow(&self, cursor: Option<Cursor>) -> Result<Follower<Hydrator>, Fault> {
        Follower::open(self.pool.clone(), std::sync::Arc::new(Hydrator), self.tail.clone(), cursor).await
    }

    /// Conversations as lists show them, in the order of the ids. The caller has asked what may be seen.
    pub async fn rows(&self, viewer: &Viewer, ids: &[Uuid]) -> Result<Vec<Row>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.pool.acquire().await?;
        store::row::read(&mut connection, viewer.tenant_id, ids, viewer.agent_id).await
    }

    /// What stands for the labels and tags of a filter: something else once some were merged or deleted.
    pub async fn meaning(&self, viewer: &Viewer, filter: &Filter) -> Result<Meaning> {
        let mut connection = self.pool.acquire().await?;
        let filter = filter.as_meant(&mut connection, viewer.tenant_id).await?;
        Ok(filter.into_owned().meaning())
    }

    /// What fell due after an instant, and up to when this looked: `until`, or the last of as many as one look takes.
    pub async fn fell_due(
        &self,
        viewer: &Viewer,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(Vec<Uuid>, DateTime<Utc>)> {
        let mut connection = self.pool.acquire().await?;
        let due = store::due::between(&mut connection, viewer.tenant_id, after, until, DUE).await?;
        let full = i64::try_from(due.len()) == Ok(DUE);
        let looked = due.last().filter(|_| full).map_or(until, |last| last.1);
        Ok((due.into_iter().map(|(id, _)| id).collect(), looked))
    }
}
