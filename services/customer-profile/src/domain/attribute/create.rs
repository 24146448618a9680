use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;

use super::{Definition, Kind, MOST_OF_TENANT};
use crate::domain::Core;
use crate::store;

/// A definition to make.
#[derive(Debug, Clone)]
pub struct Create {
    pub request: request_log::Request,
    pub key: String,
    pub title: String,
    pub kind: Kind,
    pub options: Vec<String>,
}

/// Defines an attribute.
///
/// # Errors
/// `ALREADY_EXISTS`, `LIMIT_REACHED`, `REQUEST_ID_REUSED`.
pub async fn create(core: &Core, create: Create) -> Result<Definition> {
    let (tenant, now) = (create.request.tenant_id, core.ambient.now());
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &create.request, now).await? {
        return Ok(first);
    }
    if !store::attribute::reserve(&mut tx, tenant).await? {
        let full = Fault::new(Reason::LimitReached, "a tenant has at most 100 attributes");
        return Err(full.with("limit", MOST_OF_TENANT).into());
    }
    let definition = Definition {
        id: core.ambient.id_at(now),
        key: create.key,
        title: create.title,
        kind: create.kind,
        options: create.options,
        version: 1,
        created_at: now,
    };
    store::attribute::insert(&mut tx, tenant, &definition).await?;
    request_log::record(&mut tx, &create.request, &definition).await?;
    tx.commit().await?;
    Ok(definition)
}
