//! Addresses of the erased. They are remembered as hashes alone, for as long as the tenant is: a webhook may be sent again
//! years later.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::domain::ingest::Item;
use crate::domain::kinds::IdentityKind;
use crate::store;
use crate::store::contact::Address;
use crate::store::erasure::Grave;

/// What an address is remembered by. A number, an e-mail or the business's own id names the same person on every channel.
pub fn grave(tenant_key: &[u8; 32], (channel_id, kind, value): &Address) -> Grave {
    let channel = match kind {
        IdentityKind::Phone | IdentityKind::Email | IdentityKind::ExternalId => Uuid::nil(),
        IdentityKind::WhatsAppUserId | IdentityKind::VisitorId => *channel_id,
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(tenant_key).expect("any length of key will do");
    // The prefix keeps these apart from the dedup keys, which the same key makes.
    mac.update(b"tombstone\0");
    mac.update(&kind.number().to_be_bytes());
    mac.update(channel.as_bytes());
    mac.update(value.as_bytes());
    let digest = mac.finalize().into_bytes();
    let mut grave = [0; 16];
    grave.copy_from_slice(&digest[..16]);
    grave
}

/// Which items come from somebody who was erased after they were sent. Asked under the locks of their contacts: an erasure
/// that took an address away is seen.
pub async fn outlived(
    connection: &mut Connection,
    tenant_id: Uuid,
    tenant_key: &[u8; 32],
    items: &[&Item],
) -> Result<Vec<bool>> {
    let graves_of = |item: &Item| -> Vec<Grave> {
        let verified = item.people().flat_map(|person| person.identities).filter(|i| i.verified);
        verified.map(|i| grave(tenant_key, &(item.channel_id, i.kind, i.value.clone()))).collect()
    };
    let graves: Vec<Vec<Grave>> = items.iter().map(|item| graves_of(item)).collect();
    let mut wanted: Vec<Grave> = graves.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let found = store::erasure::buried(connection, tenant_id, &wanted).await?;
    let buried: HashMap<Grave, DateTime<Utc>> = found.into_iter().collect();
    let sent_before = |item: &Item, grave| buried.get(grave).is_some_and(|at| item.source_at <= *at);
    Ok(items
        .iter()
        .zip(&graves)
        .map(|(item, graves)| graves.iter().any(|grave| sent_before(item, grave)))
        .collect())
}
