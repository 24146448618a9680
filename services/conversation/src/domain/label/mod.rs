//! Labels: created on use, counted, renamed, merged without touching conversations.

pub mod figures;
mod merge;
mod rename;
mod resolve;

use tandem_ambient::Ambient;
use tandem_database::{Connection, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::Domain;
use super::viewer::Viewer;
use crate::store;
use crate::store::label::Label;

pub use resolve::Meaning;

/// Labels that a tenant may have.
const MOST_LABELS: usize = 1_000;
/// Labels that a conversation may carry.
pub const MOST_ON_ONE: usize = 20;

/// What is compared: names that differ in case alone are one label, in every script.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Labels to put on and to take off, by id.
#[derive(Debug, Clone)]
pub struct Change {
    pub add: Vec<Uuid>,
    pub remove: Vec<Uuid>,
}

/// What names mean, those to be put on created where they are new. Holds the tenant's labels; call it before any row is
/// locked.
pub async fn change(
    connection: &mut Connection,
    ambient: &Ambient,
    tenant_id: Uuid,
    add: &[String],
    remove: &[String],
) -> Result<Change> {
    store::label::hold(connection, tenant_id).await?;
    let names: Vec<String> = add.iter().map(|name| folded(name)).collect();
    let known = store::label::by_folded(connection, tenant_id, &names).await?;
    let missing: Vec<Label> = add
        .iter()
        .zip(&names)
        .filter(|(_, folded)| known.iter().all(|known| known.folded != **folded))
        .map(|(name, folded)| Label {
            id: ambient.id(),
            name: name.trim().to_owned(),
            folded: folded.clone(),
            version: 1,
            conversations: 0,
            exact: true,
        })
        .collect();
    if !missing.is_empty() {
        let present = store::label::all(connection, tenant_id).await?.len();
        if present + missing.len() > MOST_LABELS {
            return Err(limit(MOST_LABELS).into());
        }
        store::label::insert(connection, tenant_id, &missing).await?;
    }
    Ok(Change {
        add: meant(connection, tenant_id, &names).await?,
        remove: meant(connection, tenant_id, &remove.iter().map(|name| folded(name)).collect::<Vec<_>>())
            .await?,
    })
}

/// What ids of labels stand for, each once: of a merged one the label that stayed. Holds the tenant's labels; call it before
/// any row is locked.
///
/// Errors: `NOT_FOUND` for an id that is no label.
pub async fn named(connection: &mut Connection, tenant_id: Uuid, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    store::label::hold(connection, tenant_id).await?;
    let known = store::label::by_ids(connection, tenant_id, ids).await?;
    let mut labels = Vec::new();
    for id in ids {
        let label = known.get(id).ok_or_else(|| Fault::not_found("label"))?;
        if !labels.contains(label) {
            labels.push(*label);
        }
    }
    Ok(labels)
}

/// The labels of known names, in the order of the names, each once.
async fn meant(connection: &mut Connection, tenant_id: Uuid, names: &[String]) -> Result<Vec<Uuid>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = store::label::by_folded(connection, tenant_id, names).await?;
    let mut ids = Vec::new();
    for name in names {
        let found = known.iter().find(|known| known.folded == *name);
        ids.extend(found.map(|known| known.label_id).filter(|id| !ids.contains(id)));
    }
    Ok(ids)
}

pub fn limit(most: usize) -> Fault {
    Fault::new(Reason::LimitReached, format!("at most {most} labels")).with("limit", most)
}

impl Domain {
    /// The tenant's labels by name.
    pub async fn labels(&self, viewer: &Viewer) -> Result<Vec<Label>> {
        let mut connection = self.pool.acquire().await?;
        store::label::all(&mut connection, viewer.tenant_id).await
    }

    async fn label(&self, viewer: &Viewer, id: Uuid) -> Result<Label> {
        let mut connection = self.pool.acquire().await?;
        let label = store::label::find(&mut connection, viewer.tenant_id, id).await?;
        Ok(label.ok_or_else(|| Fault::not_found("label"))?)
    }
}
