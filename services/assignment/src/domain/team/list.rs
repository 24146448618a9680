use tandem_database::Result;
use uuid::Uuid;

use crate::domain::App;
use crate::domain::list::{Key, Scanned, budget};
use crate::domain::model::Team;
use crate::store;

/// A page of teams by name, after the given key, where each word of the query begins a word of the name.
pub async fn list(
    app: &App,
    tenant_id: Uuid,
    query: &str,
    after: Option<Key>,
    limit: i64,
) -> Result<Scanned<Team>> {
    let mut connection = app.pool.acquire().await?;
    let bounds = (limit, budget(!query.is_empty(), limit));
    store::team::page(&mut connection, tenant_id, query, &after.unwrap_or_default(), bounds).await
}
