use tandem_ambient::Ambient;
use tandem_change_feed::{Apply, Sequencer};
use tandem_database::{Connection, Result};
use tandem_proto::feed::v1::{Change, ChangeKind};

use super::read;
use crate::domain::merge::hold;
use crate::domain::projection::{agents, contacts, conversations};

/// Makes profiles and counts of conversation's feed.
pub struct FollowConversation {
    pub ambient: Ambient,
    /// Woken after each commit: what follows from a contact is a change of a customer.
    pub sequencer: Sequencer,
}

impl Apply for FollowConversation {
    fn kinds(&self) -> &'static [ChangeKind] {
        &[ChangeKind::Contact, ChangeKind::Conversation, ChangeKind::Message]
    }

    async fn apply(&self, connection: &mut Connection, generation: i64, changes: &[Change]) -> Result<()> {
        let states = read::states(changes)?;
        // Counts are told to whoever stands for a contact: that must stand still, as for contacts.
        hold(connection, &states.tenants()).await?;
        contacts::apply(connection, &self.ambient, generation, &states.contacts).await?;
        conversations::apply(connection, generation, &states).await?;
        agents::apply(connection, generation, &states).await
    }

    fn committed(&self) {
        self.sequencer.wake();
    }

    async fn sweep(&self, connection: &mut Connection, generation: i64) -> Result<()> {
        contacts::sweep(connection, &self.ambient, generation).await?;
        conversations::sweep(connection, generation).await?;
        agents::sweep(connection, generation).await
    }
}
