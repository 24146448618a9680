use chrono::{DateTime, Utc};
use tandem_change_feed::{Written, outbox};
use tandem_database::{Attempts, Result, begin};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::conversation::close::end;
use crate::domain::kinds::Status;
use crate::domain::model::{Actor, Conversation};
use crate::domain::work::Work;
use crate::store;

/// Conversations of one transaction.
const CONVERSATIONS: i64 = 50;
/// Messages of one transaction.
const MESSAGES: i64 = 1_000;

impl Domain {
    /// Erases some more of what contacts have. `None` when nothing is left.
    pub(super) async fn erase_some(&self, tenant_id: Uuid, contact_ids: &[Uuid]) -> Result<Option<Written>> {
        let mut connection = self.pool.acquire().await?;
        let new = store::erasure::untouched(&mut connection, tenant_id, contact_ids, CONVERSATIONS).await?;
        let begun = match new.is_empty() {
            true => store::erasure::begun(&mut connection, tenant_id, contact_ids, CONVERSATIONS).await?,
            false => Vec::new(),
        };
        drop(connection);
        if !new.is_empty() {
            return self.begin_erasing(tenant_id, &new, |_| true).await;
        }
        if begun.is_empty() { Ok(None) } else { self.empty(tenant_id, &begun).await }
    }

    /// Empties some of what anybody began to erase: who began may be gone.
    pub(super) async fn empty_begun(&self) -> Result<bool> {
        let mut connection = self.pool.acquire().await?;
        let begun = store::erasure::all_begun(&mut connection, CONVERSATIONS).await?;
        drop(connection);
        for (tenant_id, ids) in by_tenant(begun.iter().copied()) {
            self.empty(tenant_id, &ids).await?;
        }
        Ok(!begun.is_empty())
    }

    /// Marks conversations, closes those that live and takes back what waits to be sent, of those that are still `wanted` under
    /// their locks.
    pub(super) async fn begin_erasing(
        &self,
        tenant_id: Uuid,
        ids: &[Uuid],
        wanted: impl Fn(&Conversation) -> bool,
    ) -> Result<Option<Written>> {
        let mut attempts = Attempts::default();
        loop {
            match self.try_begin(tenant_id, ids, &wanted).await {
                Err(error) if attempts.again(&error) => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_begin(
        &self,
        tenant_id: Uuid,
        ids: &[Uuid],
        wanted: &impl Fn(&Conversation) -> bool,
    ) -> Result<Option<Written>> {
        let now = self.ambient.now();
        let mut tx = begin(&self.pool).await?;
        let mut locked = store::conversation::lock(&mut tx, tenant_id, ids).await?;
        locked.retain(|conversation| conversation.erased_at.is_none() && wanted(conversation));
        let mut work = Work::new(&self.ambient, tenant_id, now);
        for conversation in &mut locked {
            if conversation.status != Status::Closed {
                end(&mut work, conversation, Actor::SYSTEM, "");
            }
            erase(conversation, now);
        }
        let ids: Vec<Uuid> = locked.iter().map(|conversation| conversation.id).collect();
        let withdrawn = store::erasure::begin(&mut tx, tenant_id, &ids, now).await?;
        work.changed.extend(withdrawn);
        let written = work.write(&mut tx, &[], &mut locked).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(written)
    }

    /// Empties conversations whose erasure has begun, up to so many messages.
    async fn empty(&self, tenant_id: Uuid, ids: &[Uuid]) -> Result<Option<Written>> {
        let mut attempts = Attempts::default();
        loop {
            match self.try_empty(tenant_id, ids).await {
                Err(error) if attempts.again(&error) => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_empty(&self, tenant_id: Uuid, ids: &[Uuid]) -> Result<Option<Written>> {
        let now = self.ambient.now();
        let mut tx = begin(&self.pool).await?;
        store::conversation::lock(&mut tx, tenant_id, ids).await?;
        let mut rows = store::erasure::empty_messages(&mut tx, tenant_id, ids, now, MESSAGES).await?;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) < MESSAGES {
            rows.extend(store::erasure::finish(&mut tx, tenant_id, ids).await?);
        }
        let written = outbox::write(&mut tx, &self.ambient, &rows).await?;
        tx.commit().await?;
        self.sequencer.wake();
        Ok(written)
    }
}

/// What a conversation itself says.
fn erase(conversation: &mut Conversation, now: DateTime<Utc>) {
    conversation.erased_at = Some(now);
    conversation.preview.clear();
    conversation.preview_author = None;
    conversation.hand_off_summary.clear();
}

pub(super) fn by_tenant(
    found: impl Iterator<Item = (Uuid, Uuid)>,
) -> std::collections::BTreeMap<Uuid, Vec<Uuid>> {
    let mut tenants = std::collections::BTreeMap::<Uuid, Vec<Uuid>>::new();
    for (tenant_id, id) in found {
        tenants.entry(tenant_id).or_default().push(id);
    }
    tenants
}
