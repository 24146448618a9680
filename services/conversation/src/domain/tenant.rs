use tandem_change_feed::{ChangeKind, Row, outbox};
use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::Domain;
use super::kinds::TenantState;
use super::model::Tenant;
use crate::store;

impl Domain {
    /// Creates a tenant. Creating it again with the same name changes nothing.
    pub async fn create_tenant(&self, id: Uuid, name: String) -> Result<Tenant> {
        let tenant = Tenant {
            id,
            name,
            state: TenantState::Active,
            dedup_key: self.ambient.bytes(),
            created_at: self.ambient.now(),
            version: 1,
        };
        let mut tx = begin(&self.pool).await?;
        if !store::tenant::insert(&mut tx, &tenant).await? {
            let present = store::tenant::find(&mut tx, &[id]).await?.pop();
            return present
                .filter(|present| present.name == tenant.name)
                .ok_or_else(|| Fault::new(Reason::AlreadyExists, "another tenant has this id").into());
        }
        self.tell_tenant(&mut tx, &tenant).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(tenant)
    }

    /// Suspends a tenant, or lets it work again.
    pub async fn set_tenant_state(&self, id: Uuid, state: TenantState) -> Result<Tenant> {
        let mut tx = begin(&self.pool).await?;
        let tenant = store::tenant::set_state(&mut tx, id, state).await?;
        let tenant = tenant.ok_or_else(|| Fault::not_found("tenant"))?;
        self.tell_tenant(&mut tx, &tenant).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(tenant)
    }

    pub async fn tenants(&self, after: Uuid, limit: i64) -> Result<Vec<Tenant>> {
        let mut connection = self.pool.acquire().await?;
        store::tenant::page(&mut connection, after, limit).await
    }

    /// Puts a tenant on the feed: also when its labels were merged, which every replica's streams learn from it.
    pub(super) async fn tell_tenant(
        &self,
        connection: &mut tandem_database::Connection,
        tenant: &Tenant,
    ) -> Result<()> {
        outbox::write(connection, &self.ambient, &[tenant.row()]).await?;
        Ok(())
    }
}

impl Tenant {
    /// What the feed is told of it.
    pub fn row(&self) -> Row {
        Row { tenant_id: self.id, kind: ChangeKind::Tenant, entity_id: self.id, version: self.version }
    }
}
