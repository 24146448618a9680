//! How far the indexes are.

use tandem_database::Pool;
use tandem_fault::Result;

use crate::domain::lag::Lag;
use crate::domain::scope::Reader;
use crate::engine::Engine;
use crate::feed::Following;
use crate::store;

/// How far one index is.
#[derive(Debug)]
pub struct IndexStatus {
    pub name: &'static str,
    /// Those that the caller may find.
    pub documents: i64,
    pub lag: Lag,
    pub rebuilding: bool,
    /// Those of the tenant that the engine refused.
    pub set_aside: i64,
}

/// The two indexes as the caller sees them. Errors: `UNAVAILABLE`.
pub async fn status(
    pool: &Pool,
    engine: &Engine,
    (messages, customers): (&Following, &Following),
    reader: &Reader,
) -> Result<Vec<IndexStatus>> {
    let mut all = Vec::with_capacity(2);
    for (name, following, filter) in
        [("messages", messages, reader.message_filter()), ("customers", customers, reader.customer_filter())]
    {
        let mut connection = pool.acquire().await.map_err(tandem_database::Error::from)?;
        let uid = store::index::live_uid(&mut connection, name).await?;
        let applied = store::feed::applied(&mut connection, following.feed).await?;
        let set_aside = store::poison::count(&mut connection, name, reader.tenant).await?;
        drop(connection);
        let documents = match uid {
            Some(uid) => engine.count(&uid, &filter).await?,
            None => 0,
        };
        all.push(IndexStatus {
            name,
            documents,
            lag: following.lag_at(applied),
            rebuilding: applied.rebuilding,
            set_aside,
        });
    }
    Ok(all)
}
