use std::collections::HashSet;

use tandem_database::{Result, begin_snapshot};
use uuid::Uuid;

use super::list::{Filter, Order, meant};
use crate::domain::Core;
use crate::domain::scope::Scope;
use crate::store;
use crate::store::browse::Question;

/// Customers that are answered when none are named.
const MOST: usize = 300;

/// The customers that match and that the caller may see: of some, in their order, or of all while they are few. `None` when
/// they are not.
pub async fn matching(
    core: &Core,
    tenant: Uuid,
    filter: &Filter,
    among: Option<&[Uuid]>,
    scope: &Scope,
) -> Result<Option<Vec<Uuid>>> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let tag_ids = meant(&mut snapshot, tenant, filter).await?;
    let question = Question {
        tenant,
        order: Order::Name,
        reverse: false,
        from_name: "",
        filter,
        tag_ids: &tag_ids,
        scope: scope.channels(),
        after: None,
    };
    let found = store::browse::matching(&mut snapshot, &question, among).await?;
    Ok(match (found, among) {
        (Some(found), Some(among)) => {
            let found: HashSet<Uuid> = found.into_iter().collect();
            Some(among.iter().copied().filter(|id| found.contains(id)).collect())
        }
        (found, _) => found.filter(|found| found.len() <= MOST),
    })
}
