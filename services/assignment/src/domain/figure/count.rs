use std::collections::BTreeSet;

use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::Fact;
use super::fact::{of_holder_change, of_response, of_status};
use crate::domain::model::{HolderChange, Response, StatusChange};
use crate::store;

/// Counts what the feed tells of, each thing once. A response or a close whose change of holder has not come yet is counted when
/// it does: the feed tells of a message before the entries of its transaction.
pub async fn count(
    connection: &mut Connection,
    generation: i64,
    holder_changes: &[HolderChange],
    status_changes: &[StatusChange],
    responses: &[Response],
) -> Result<()> {
    let facts: Vec<Fact> = holder_changes
        .iter()
        .filter_map(of_holder_change)
        .chain(status_changes.iter().filter_map(of_status))
        .chain(responses.iter().flat_map(of_response))
        .collect();
    if !facts.is_empty() {
        store::figure::insert(connection, generation, &facts).await?;
    }
    let touched: BTreeSet<(Uuid, Uuid)> = facts
        .iter()
        .map(|fact| (fact.tenant_id, fact.conversation_id))
        .chain(holder_changes.iter().map(|change| (change.tenant_id, change.conversation_id)))
        .collect();
    store::figure::count(connection, generation, &touched).await
}
