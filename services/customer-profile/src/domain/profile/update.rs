use serde::{Deserialize, Serialize};
use tandem_database::{Connection, Result, begin};
use tandem_fault::{Fault, Reason, Violations};
use tandem_request_log as request_log;
use uuid::Uuid;

use super::{lock, show};
use crate::domain::attribute::Wish;
use crate::domain::erasure::record;
use crate::domain::merge::said_name;
use crate::domain::model::{Customer, Edits, Key, Profile, Standing, etag};
use crate::domain::scope::Scope;
use crate::domain::{Change, Core, tell};
use crate::store;

/// A correction of a profile.
#[derive(Debug, Clone)]
pub struct Update {
    pub request: request_log::Request,
    pub customer_id: Uuid,
    /// Empty asks nothing.
    pub etag: String,
    pub edits: Edits,
    pub attributes: Wish,
}

/// The corrected customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Updated {
    pub customer: Profile,
    pub change: Option<Change>,
}

/// Corrects a profile. What is corrected wins over what channels say, and stays.
///
/// # Errors
/// `NOT_FOUND`, `ETAG_MISMATCH`, `REQUEST_ID_REUSED`, wrong attributes.
pub async fn update(core: &Core, update: Update, scope: &Scope) -> Result<Updated> {
    let mut tx = begin(&core.pool).await?;
    if let Some(first) = request_log::claim(&mut tx, &update.request, core.ambient.now()).await? {
        return Ok(first);
    }
    let customer = lock(&mut tx, (update.request.tenant_id, update.customer_id), scope).await?;
    if !update.etag.is_empty() && update.etag != etag(customer.key.1, customer.edit_version) {
        return Err(Fault::new(Reason::EtagMismatch, "the customer changed since it was read").into());
    }
    let standing = standing(&mut tx, &customer, &update.edits).await?;
    say(&mut tx, customer.key, &update.attributes).await?;
    let version = store::customer::edit(&mut tx, customer.key, &update.edits, &standing).await?;
    if update.edits.category.is_some() || !update.attributes.is_empty() {
        store::standing::derive(&mut tx, &[customer.key].into()).await?;
    }
    let change = tell(&mut tx, &core.ambient, &[(customer.key, version)]).await?;
    let updated = Updated { customer: show(&mut tx, customer.key).await?, change };
    record(&mut tx, &update.request, &updated, &updated.customer.customer_ids()).await?;
    tx.commit().await?;
    core.sequencer.wake();
    Ok(updated)
}

/// Writes what is said of the attributes.
async fn say(connection: &mut Connection, customer: Key, attributes: &Wish) -> Result<()> {
    if attributes.is_empty() {
        return Ok(());
    }
    let definitions = store::attribute::of_tenant(connection, customer.0).await?;
    let mut violations = Violations::new();
    let said = attributes.read("customer.attributes", &definitions, &mut violations);
    violations.finish()?;
    let known: Vec<Uuid> = definitions.iter().map(|definition| definition.id).collect();
    store::attribute::say(connection, customer, &said, &known).await
}

/// Where the customer stands with the new correction of its name.
async fn standing(connection: &mut Connection, customer: &Customer, edits: &Edits) -> Result<Standing> {
    let Some(corrected) = &edits.display_name else { return Ok(customer.standing.clone()) };
    let tenant = customer.key.0;
    let members = store::customer::members(connection, customer.key).await?;
    let members = members.into_iter().map(|id| (tenant, id)).collect();
    let contacts = store::contact::of_customers(connection, &members).await?;
    // The survivor's word comes first, whatever those merged into it said.
    let (name, name_corrected) =
        said_name([Some(corrected.as_str())], contacts.iter().map(|(_, contact)| contact));
    Ok(Standing { name, name_corrected, ..customer.standing.clone() })
}
