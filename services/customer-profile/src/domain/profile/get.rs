use tandem_database::{Connection, Result, begin_snapshot};
use tandem_fault::Fault;
use uuid::Uuid;

use crate::domain::Core;
use crate::domain::erasure::erased;
use crate::domain::model::{Customer, Key, Profile};
use crate::domain::scope::Scope;
use crate::store;

/// One customer; a merged one answers as the one that it was merged into.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn get(core: &Core, key: Key, scope: &Scope) -> Result<Profile> {
    let mut snapshot = begin_snapshot(&core.pool).await?;
    let root = find(&mut snapshot, key, scope).await?;
    show(&mut snapshot, (key.0, root)).await
}

/// The customer that an id resolves to, if the caller may see it.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn find(connection: &mut Connection, key: Key, scope: &Scope) -> Result<Uuid> {
    let found = store::customer::resolve(connection, key).await?;
    let (root, channels) = found.ok_or_else(|| Fault::not_found("customer"))?;
    scope.admit(&channels)?;
    Ok(root)
}

/// As [`find`], and locks the row: until the transaction ends the customer stands for itself, and no one else edits it.
///
/// # Errors
/// `NOT_FOUND`, `ERASED`.
pub async fn lock(connection: &mut Connection, key: Key, scope: &Scope) -> Result<Customer> {
    // While we wait for the lock it may be merged away, or a merge undone: then who stands for it now is tried. Merges are
    // rare, so this ends; the bound is for what we did not think of.
    for _ in 0..10 {
        let root = (key.0, find(connection, key, scope).await?);
        if let Some(customer) = store::customer::lock_root(connection, key, root).await? {
            return if customer.erased { Err(erased().into()) } else { Ok(customer) };
        }
    }
    Err(Fault::new(tandem_fault::Reason::Overloaded, "the customer is being merged").into())
}

/// A customer as it is shown.
pub async fn show(connection: &mut Connection, key: Key) -> Result<Profile> {
    let shown = store::profile::read(connection, &[key]).await?.into_iter().next();
    Ok(shown.ok_or_else(|| Fault::not_found("customer"))?)
}
