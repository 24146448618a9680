//! Which tenants may not work now, answered from memory.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use tandem_database::{Pool, Result};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use crate::store;

/// The suspended tenants as this service last heard. Cheap to clone; clones share the set.
#[derive(Debug, Clone, Default)]
pub struct Suspended(Arc<RwLock<HashSet<Uuid>>>);

impl Suspended {
    /// Reads the projection again.
    pub async fn refresh(&self, pool: &Pool) -> Result<()> {
        let mut connection = pool.acquire().await?;
        let suspended = store::tenant::suspended(&mut connection).await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = suspended.into_iter().collect();
        Ok(())
    }

    /// The answer to the callers of a suspended tenant.
    pub fn gate(&self, tenant_id: Uuid) -> Option<Fault> {
        let suspended = self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&tenant_id);
        suspended.then(|| Fault::new(Reason::TenantSuspended, "the tenant is suspended"))
    }
}
