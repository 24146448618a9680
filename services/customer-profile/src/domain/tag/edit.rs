use tandem_database::{Error, Failure, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::{Changed, TagName, tell};
use crate::domain::Core;
use crate::domain::model::Tag;
use crate::store;

/// Other values of a tag; `None` stays as it is.
#[derive(Debug, Clone)]
pub struct UpdateTag {
    pub request: request_log::Request,
    pub tag_id: Uuid,
    /// Empty asks nothing.
    pub etag: String,
    pub name: Option<TagName>,
    pub description: Option<String>,
    /// `#rrggbb`, or empty.
    pub colour: Option<String>,
}

/// Gives a tag other values: one row, whoever carries it.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_EXISTS`, `ETAG_MISMATCH`, `REQUEST_ID_REUSED`.
pub async fn edit(core: &Core, update: UpdateTag) -> Result<Changed> {
    let tenant = update.request.tenant_id;
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &update.request, core.ambient.now()).await? {
        return Ok(first);
    }
    store::tag::hold_alone(&mut tx, &[tenant].into()).await?;
    let tag = store::tag::find(&mut tx, (tenant, update.tag_id)).await?;
    let tag = unchanged(tag, &update.etag)?;
    let name = update.name.as_ref().map(|name| (name.name.as_str(), name.key.as_str()));
    let (description, colour) = (update.description.as_deref(), update.colour.as_deref());
    let edited = store::tag::edit(&mut tx, (tenant, tag.id), tag.version, name, description, colour).await;
    let version = edited.map_err(taken)?.ok_or_else(|| Fault::internal("a tag changed under its lock"))?;
    let change = tell(&mut tx, core, tenant, &[(tag.id, version)]).await?;
    let edited = store::tag::find(&mut tx, (tenant, tag.id)).await?;
    let changed = Changed { tag: edited.ok_or_else(|| Fault::not_found("tag"))?, change };
    request_log::record(&mut tx, &update.request, &changed).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(changed)
}

/// A tag that is there and as the caller has seen it.
pub(super) fn unchanged(tag: Option<Tag>, etag: &str) -> Result<Tag, Fault> {
    let tag = tag.ok_or_else(|| Fault::not_found("tag"))?;
    if !etag.is_empty() && etag != tag.etag() {
        return Err(Fault::new(Reason::EtagMismatch, "the tag changed since it was read"));
    }
    Ok(tag)
}

/// A name that another tag has.
fn taken(error: Error) -> Error {
    if error.failure() == Failure::Race && error.constraint() == Some("tag_tenant_id_key_key") {
        return Fault::new(Reason::AlreadyExists, "another tag has this name").into();
    }
    error
}
