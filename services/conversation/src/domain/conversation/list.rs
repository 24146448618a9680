use tandem_database::Result;
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::filter::Filter;
use crate::domain::model::Row;
use crate::domain::order::Order;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::list::Place;

/// Rows of an index that one call may look at: what keeps the rarest combination from costing more than the rest.
const SCAN_BUDGET: usize = 2_000;

impl Domain {
    /// One page in an order, and where to go on. A page may be short, even empty, when the budget ended it.
    pub async fn list(
        &self,
        viewer: &Viewer,
        filter: &Filter,
        order: Order,
        after: Option<Place>,
        page_size: usize,
    ) -> Result<(Vec<Row>, Option<Place>)> {
        let mut connection = self.pool.acquire().await?;
        let filter = filter.as_meant(&mut connection, viewer.tenant_id).await?;
        let after = after.as_ref();
        let found =
            store::list::scan(&mut connection, viewer, &filter, order, after, page_size, SCAN_BUDGET).await?;
        let rows = store::row::read(&mut connection, viewer.tenant_id, &found.ids, viewer.agent_id).await?;
        Ok((rows, found.next))
    }

    /// Which of the given conversations match and may be seen.
    pub async fn matching(&self, viewer: &Viewer, filter: &Filter, ids: &[Uuid]) -> Result<Vec<Uuid>> {
        let mut connection = self.pool.acquire().await?;
        let filter = filter.as_meant(&mut connection, viewer.tenant_id).await?;
        store::filter::matching(&mut connection, viewer, &filter, ids).await
    }
}
