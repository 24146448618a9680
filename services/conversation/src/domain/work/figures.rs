//! What a transaction does to the figures of labels and of customers' tags.

use std::collections::{BTreeMap, BTreeSet};

use tandem_database::{Connection, Result};
use uuid::Uuid;

use super::Work;
use crate::domain::model::Conversation;
use crate::store;

/// Labels that were put on and taken off.
#[derive(Default)]
pub(super) struct Labelling {
    /// How many conversations got a label, by channel and label.
    put_on: BTreeMap<(Uuid, Uuid), i64>,
    /// The channel of each conversation and label.
    taken_off: BTreeMap<(Uuid, Uuid), Uuid>,
}

impl Labelling {
    pub(super) fn changed(&mut self, conversation: &Conversation, added: &[Uuid], removed: &[Uuid]) {
        for label in added {
            *self.put_on.entry((conversation.channel_id, *label)).or_default() += 1;
        }
        let channel = conversation.channel_id;
        self.taken_off.extend(removed.iter().map(|label| ((conversation.id, *label), channel)));
    }
}

impl Work<'_> {
    /// Adds to the figures of this day. What is taken off counts back where it was put on today; on an earlier day the
    /// conversation did get it.
    pub(super) async fn keep_figures(
        &mut self,
        connection: &mut Connection,
        new: &[Conversation],
    ) -> Result<()> {
        let (tenant_id, day) = (self.tenant_id, self.now.date_naive());
        let Labelling { put_on: mut changes, taken_off } = std::mem::take(&mut self.labelling);
        let pairs: BTreeSet<(Uuid, Uuid)> = taken_off.keys().copied().collect();
        for pair in store::label_figure::put_on_since(connection, tenant_id, day, &pairs).await? {
            if let Some(channel) = taken_off.get(&pair) {
                *changes.entry((*channel, pair.1)).or_default() -= 1;
            }
        }
        store::label_figure::change(connection, tenant_id, day, &changes).await?;
        if new.is_empty() {
            return Ok(());
        }
        let (channels, contacts): (Vec<Uuid>, Vec<Uuid>) =
            new.iter().map(|conversation| (conversation.channel_id, conversation.contact_id)).unzip();
        store::label_figure::began(connection, tenant_id, day, &channels, &contacts).await
    }
}
