use tandem_change_feed::{Body, ChangeKind, Hydrate, SnapshotRow};
use tandem_database::{Connection, Result};
use uuid::Uuid;

use crate::rpc::convert;
use crate::store;

/// Reads this service's entities for its feed.
#[derive(Debug)]
pub struct Hydrator;

impl Hydrate for Hydrator {
    async fn read(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        ids: &[(Uuid, Uuid)],
    ) -> Result<Vec<SnapshotRow>> {
        let row = |tenant_id, entity_id, body| SnapshotRow { tenant_id, entity_id, body };
        Ok(match kind {
            ChangeKind::Tenant => {
                let ids: Vec<Uuid> = ids.iter().map(|(tenant, _)| *tenant).collect();
                let tenants = store::tenant::find(connection, &ids).await?;
                tenants.into_iter().map(|t| row(t.id, t.id, Body::Tenant(convert::tenant(t)))).collect()
            }
            ChangeKind::Channel => {
                let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = ids.iter().copied().unzip();
                let channels = store::channel::read(connection, &tenants, &ids).await?;
                channels.into_iter().map(|(t, c)| row(t, c.id, Body::Channel(convert::channel(c)))).collect()
            }
            ChangeKind::Contact => {
                let contacts = store::contact::read(connection, ids).await?;
                contacts.into_iter().map(|(t, c)| row(t, c.id, Body::Contact(convert::contact(c)))).collect()
            }
            ChangeKind::Conversation => {
                let found = store::conversation::read(connection, ids).await?;
                found
                    .into_iter()
                    .map(|(t, c)| row(t, c.id, Body::Conversation(convert::conversation(c))))
                    .collect()
            }
            ChangeKind::Message => {
                let messages = store::message::read(connection, ids).await?;
                messages.into_iter().map(|(t, m)| row(t, m.id, Body::Message(convert::message(m)))).collect()
            }
            ChangeKind::TimelineEntry => {
                let entries = store::timeline::read(connection, ids).await?;
                entries
                    .into_iter()
                    .map(|(t, e)| row(t, e.id, Body::TimelineEntry(convert::entry(e))))
                    .collect()
            }
            ChangeKind::Unspecified
            | ChangeKind::Agent
            | ChangeKind::Team
            | ChangeKind::Customer
            | ChangeKind::Tag
            | ChangeKind::Note => Vec::new(),
        })
    }

    async fn page(
        &self,
        connection: &mut Connection,
        kind: ChangeKind,
        after: (Uuid, Uuid),
        limit: i64,
    ) -> Result<Vec<SnapshotRow>> {
        let ids = match kind {
            ChangeKind::Tenant => {
                let tenants = store::tenant::page(connection, after.0, limit).await?;
                tenants.into_iter().map(|tenant| (tenant.id, tenant.id)).collect()
            }
            ChangeKind::Channel => store::channel::page_ids(connection, after, limit).await?,
            ChangeKind::Contact => store::contact::page_ids(connection, after, limit).await?,
            ChangeKind::Conversation => store::conversation::page_ids(connection, after, limit).await?,
            ChangeKind::Message => store::message::page_ids(connection, after, limit).await?,
            ChangeKind::TimelineEntry => store::timeline::page_ids(connection, after, limit).await?,
            ChangeKind::Unspecified
            | ChangeKind::Agent
            | ChangeKind::Team
            | ChangeKind::Customer
            | ChangeKind::Tag
            | ChangeKind::Note => Vec::new(),
        };
        let mut rows = self.read(connection, kind, &ids).await?;
        rows.sort_by_key(|row| (row.tenant_id, row.entity_id));
        Ok(rows)
    }
}
