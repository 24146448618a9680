//! What is due is told with every write of a conversation. Goals and labels change without one: then a tenant's live,
//! labelled conversations are walked, by any replica's tick, a page in each transaction.

use chrono::{DateTime, Utc};
use tandem_database::{Result, begin};

use super::tell;
use crate::domain::Domain;
use crate::domain::goals::updates::Updates;
use crate::domain::work::Work;
use crate::store;

/// Conversations of one page.
const PAGE: i64 = 200;
/// Pages of one tick.
const PAGES: usize = 20;

impl Domain {
    /// Tells anew what is due where that was asked for.
    pub(in crate::domain) async fn tell_anew(&self, now: DateTime<Utc>) -> Result<()> {
        for _ in 0..PAGES {
            if !self.tell_page(now).await? {
                break;
            }
        }
        Ok(())
    }

    /// False when no tenant is left to this replica.
    async fn tell_page(&self, now: DateTime<Utc>) -> Result<bool> {
        let mut tx = begin(&self.pool).await?;
        let Some((tenant_id, after)) = store::due::next_anew(&mut tx).await? else { return Ok(false) };
        let ids = store::due::labelled(&mut tx, tenant_id, after, PAGE).await?;
        let last = ids.last().copied().filter(|_| i64::try_from(ids.len()) == Ok(PAGE));
        store::due::went_on(&mut tx, tenant_id, last).await?;
        // Read under the locks: a writer that knew former goals has ended then.
        let mut locked = store::conversation::lock(&mut tx, tenant_id, &ids).await?;
        let goals = store::goals::find(&mut tx, tenant_id).await?;
        let updates = Updates::read(&mut tx, tenant_id, &goals).await?;
        locked.retain_mut(|conversation| {
            let before = conversation.clone();
            tell(conversation, &goals, &updates, now);
            *conversation != before
        });
        Work::new(&self.ambient, tenant_id, now).write(&mut tx, &[], &mut locked).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(true)
    }
}
