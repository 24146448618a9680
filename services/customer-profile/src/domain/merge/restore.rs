use std::collections::BTreeSet;

use tandem_ambient::Ambient;
use tandem_database::{Pool, Result, begin};

use super::hold;
use super::settle::settle_again;
use crate::domain::address;
use crate::domain::model::Key;
use crate::store;

/// Contacts that one transaction takes.
const BATCH: i64 = 1_000;

/// Takes up contacts that the release before this one wrote, which knows of no addresses, merges and what follows from
/// sets: their customers stand as they should afterwards. Several replicas share the work.
pub async fn restore(pool: &Pool, ambient: &Ambient) -> Result<()> {
    loop {
        let mut tx = begin(pool).await?;
        let tenants = store::address::pending_tenants(&mut tx, BATCH).await?;
        if tenants.is_empty() {
            return Ok(());
        }
        // Before any lock of a contact, as the feed's consumer does.
        hold(&mut tx, &tenants).await?;
        let pending = store::address::pending(&mut tx, &tenants, BATCH).await?;
        let customers: BTreeSet<Key> =
            pending.iter().map(|contact| (contact.key.0, contact.customer_id)).collect();
        let taken: Vec<_> = pending
            .into_iter()
            .map(|contact| (contact.key, contact.version, address::of(&contact.identities)))
            .collect();
        store::address::write(&mut tx, &taken).await?;
        settle_again(&mut tx, ambient, &customers).await?;
        tx.commit().await?;
    }
}
