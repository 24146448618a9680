use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::{Definition, Kind};
use crate::domain::Core;
use crate::store;

/// A change of a definition; `None` stays as it is.
#[derive(Debug, Clone)]
pub struct Update {
    pub request: request_log::Request,
    pub definition_id: Uuid,
    /// Empty asks nothing.
    pub etag: String,
    pub key: Option<String>,
    pub title: Option<String>,
    pub options: Option<Vec<String>>,
}

/// Changes a definition. Customers' values stay as they are.
///
/// # Errors
/// `NOT_FOUND`, `ETAG_MISMATCH`, `ALREADY_EXISTS`, `REQUEST_ID_REUSED`, options of what is no list.
pub async fn update(core: &Core, update: Update) -> Result<Definition> {
    let tenant = update.request.tenant_id;
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &update.request, core.ambient.now()).await? {
        return Ok(first);
    }
    let locked = store::attribute::lock(&mut tx, (tenant, update.definition_id)).await?;
    let mut definition = locked.ok_or_else(|| Fault::not_found("attribute definition"))?;
    if !update.etag.is_empty() && update.etag != definition.version.to_string() {
        return Err(Fault::new(Reason::EtagMismatch, "the definition changed since it was read").into());
    }
    if let Some(options) = update.options {
        if (definition.kind == Kind::OneOf) == options.is_empty() {
            let wrong = "must be given for one of a list, and for nothing else";
            return Err(Fault::invalid("definition.options", wrong).into());
        }
        definition.options = options;
    }
    definition.key = update.key.unwrap_or(definition.key);
    definition.title = update.title.unwrap_or(definition.title);
    definition.version += 1;
    store::attribute::write(&mut tx, tenant, &definition).await?;
    request_log::record(&mut tx, &update.request, &definition).await?;
    tx.commit().await?;
    Ok(definition)
}
