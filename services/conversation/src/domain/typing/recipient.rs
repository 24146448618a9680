use tandem_database::Result;

use super::Signal;
use crate::domain::Domain;
use crate::domain::model::Identity;
use crate::store;

/// To whom an adapter shows that somebody types.
#[derive(Debug)]
pub struct Recipient {
    /// Their verified addresses, the strongest first.
    pub identities: Vec<Identity>,
    /// The external id of their last message; empty when there is none.
    pub last_external_id: String,
}

impl Domain {
    /// The customer of a signal's conversation; `None` when that is not there any more.
    pub async fn typing_recipient(&self, signal: &Signal) -> Result<Option<Recipient>> {
        let tenant_id = signal.tenant_id;
        let mut connection = self.pool.acquire().await?;
        let id = (tenant_id, signal.conversation_id);
        let Some((_, conversation)) = store::conversation::read(&mut connection, &[id]).await?.pop() else {
            return Ok(None);
        };
        let contact = store::contact::find(&mut connection, tenant_id, &[conversation.contact_id]).await?;
        let identities = contact.into_iter().flat_map(|contact| contact.identities);
        let last = (conversation.id, conversation.last_customer_position);
        let external = store::message::external_ids(&mut connection, tenant_id, &[last]).await?.pop();
        Ok(Some(Recipient {
            identities: identities.filter(|identity| identity.verified).collect(),
            last_external_id: external.map(|(_, id)| id).unwrap_or_default(),
        }))
    }
}
