use tandem_ambient::Ambient;
use tandem_change_feed::{Apply, Change, ChangeKind};
use tandem_database::{Connection, Result};

use super::read::Changes;
use crate::domain::model::HolderChange;
use crate::domain::notification::{Hub, of_changes, of_mentions, of_wakes, tell};
use crate::domain::operation::return_stragglers;
use crate::domain::transfer::follow;
use crate::domain::{erasure, figure};
use crate::store;

/// Follows the conversation service: tenants, channels and conversations as states, changes of holder and of status, notes
/// that call agents, and replies as events.
///
/// Who holds what comes from conversations' states alone; history, notifications, figures and the outcome of reservations
/// come from the timeline's entries and from messages that do not change in what is read of them.
pub struct ConversationFeed {
    pub ambient: Ambient,
    pub hub: Hub,
}

impl Apply for ConversationFeed {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[
            ChangeKind::Tenant,
            ChangeKind::Channel,
            ChangeKind::Conversation,
            ChangeKind::TimelineEntry,
            ChangeKind::Message,
        ]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        self.take(connection, generation, changes, true).await
    }

    /// Wakes of a snapshot are old news, or come once more: whoever follows from the snapshot's beginning is sent those that
    /// happened since.
    async fn snapshot(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        self.take(connection, generation, changes, false).await
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        store::tenant::sweep(connection, generation).await?;
        store::channel::sweep(connection, generation).await?;
        store::conversation::sweep(connection, generation).await?;
        store::holder_change::sweep(connection, generation).await?;
        store::figure::sweep(connection, generation).await
    }
}

impl ConversationFeed {
    async fn take(
        &self,
        connection: &mut Connection,
        generation: i64,
        changes: &[Change],
        tell_wakes: bool,
    ) -> Result<()> {
        let changes = Changes::read(changes);
        if !changes.tenants.is_empty() {
            store::tenant::upsert(connection, generation, &changes.tenants).await?;
        }
        if !changes.channels.is_empty() {
            store::channel::upsert(connection, generation, &changes.channels).await?;
        }
        if !changes.conversations.is_empty() {
            store::conversation::upsert(connection, generation, &changes.conversations).await?;
            return_stragglers(connection, &self.ambient, &changes.conversations).await?;
        }
        if !changes.gone.is_empty() {
            store::conversation::remove(connection, &changes.gone).await?;
        }
        let entries = changes.holder_changes;
        let mut told = Vec::new();
        if !entries.is_empty() {
            let unknown = store::holder_change::insert(connection, generation, &entries).await?;
            let new: Vec<HolderChange> = entries
                .iter()
                .filter(|change| unknown.contains(&(change.tenant_id, change.entry_id)))
                .cloned()
                .collect();
            // Only the first time: who joins a team later is not told of what came before.
            told.extend(of_changes(connection, &self.ambient, &new).await?);
        }
        told.extend(of_mentions(&self.ambient, &changes.mentions));
        if tell_wakes {
            told.extend(of_wakes(connection, &self.ambient, &changes.status_changes).await?);
        }
        if tell(connection, told).await? > 0 {
            self.hub.made();
        }
        let (status_changes, responses) = (&changes.status_changes, &changes.responses);
        figure::count(connection, generation, &entries, status_changes, responses).await?;
        follow(connection, &entries, &changes.conversations).await?;
        erasure::of_conversations(connection, &changes.erased).await
    }
}
