use tandem_change_feed::{Row, Written, outbox};
use tandem_database::{Attempts, Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::tombstone::grave;
use crate::domain::Domain;
use crate::domain::model::Tenant;
use crate::domain::viewer::Viewer;
use crate::store;
use crate::store::erasure::{Grave, Progress};

/// Transactions of one call.
const STEPS: usize = 20;
/// Rounds of looking who belongs together and locking them; each means that two contacts became one meanwhile.
const ROUNDS: usize = 5;

/// How far an erasure is, and everything up to here.
#[derive(Debug)]
pub struct Erased {
    pub progress: Progress,
    pub change_token: String,
}

impl Domain {
    /// Erases contacts with everything that was said, a bounded part a call.
    pub async fn erase_contacts(&self, viewer: &Viewer, contact_ids: &[Uuid]) -> Result<Erased> {
        let tenant_id = viewer.tenant_id;
        let mut attempts = Attempts::default();
        let (ids, mut written) = loop {
            match self.forget_contacts(tenant_id, contact_ids).await {
                Err(error) if attempts.again(&error) => {}
                outcome => break outcome?,
            }
        };
        for _ in 0..STEPS {
            match self.erase_some(tenant_id, &ids).await? {
                Some(change) => written = Some(change).or(written),
                None => break,
            }
        }
        let mut tx = begin(&self.pool).await?;
        let progress = store::erasure::progress(&mut tx, tenant_id, &ids).await?;
        if progress.left == 0 {
            // A place behind everything, whoever wrote it: an earlier call, or a tick of another process.
            let tenants = store::tenant::find(&mut tx, &[tenant_id]).await?;
            let rows: Vec<Row> = tenants.iter().map(Tenant::row).collect();
            written = outbox::write(&mut tx, &self.ambient, &rows).await?;
        }
        tx.commit().await?;
        self.sequencer.wake();
        Ok(Erased { progress, change_token: self.freshness.token(written) })
    }

    /// Takes away what the contacts are found by. Answers all of them, and the write.
    async fn forget_contacts(
        &self,
        tenant_id: Uuid,
        contact_ids: &[Uuid],
    ) -> Result<(Vec<Uuid>, Option<Written>)> {
        let tenant_key = self.dedup_key(tenant_id).await?;
        let mut tx = begin(&self.pool).await?;
        let mut locked: Vec<Uuid> = Vec::new();
        for _ in 0..ROUNDS {
            let mut ids = store::erasure::together(&mut tx, tenant_id, contact_ids).await?;
            ids.sort_unstable();
            if ids == locked {
                let now = self.ambient.now();
                let addresses = store::erasure::take_addresses(&mut tx, tenant_id, &ids).await?;
                let graves: Vec<Grave> = addresses.iter().map(|a| grave(&tenant_key, a)).collect();
                store::erasure::bury(&mut tx, tenant_id, &graves, now).await?;
                store::erasure::drop_early(&mut tx, tenant_id, &ids).await?;
                let rows = store::erasure::empty_contacts(&mut tx, tenant_id, &ids, now).await?;
                let written = outbox::write(&mut tx, &self.ambient, &rows).await?;
                tx.commit().await?;
                return Ok((ids, written));
            }
            store::contact::lock(&mut tx, tenant_id, &ids).await?;
            locked = ids;
        }
        Err(Fault::new(Reason::Overloaded, "the contacts keep changing").into())
    }
}
