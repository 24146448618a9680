//! One call of an adapter: items that were refused at the edge keep their places among the results.

use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::{Ingested, Item, Outcome};
use crate::domain::Domain;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// Stores a call's items on one channel that the adapter's token names; a result each, in their order.
    pub async fn ingest_call(
        &self,
        viewer: &Viewer,
        channel_id: Uuid,
        items: Vec<Result<Item, Fault>>,
    ) -> Result<Ingested, Fault> {
        if !viewer.scope.covers(channel_id) {
            return Err(Fault::new(Reason::ChannelNotAllowed, "the token does not name this channel"));
        }
        self.adapter_called(viewer.tenant_id, channel_id).await;
        let (mut good, mut outcomes): (Vec<Item>, Vec<Option<Outcome>>) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Ok(item) => {
                    good.push(item);
                    outcomes.push(None);
                }
                Err(fault) => outcomes.push(Some(Err(fault))),
            }
        }
        if good.is_empty() {
            self.ready_channel(viewer.tenant_id, channel_id).await?;
            return Ok(Ingested { outcomes: outcomes.into_iter().flatten().collect(), written: None });
        }
        let ingested = self.ingest(viewer.tenant_id, good).await?;
        let refused = |outcome: &Outcome| match outcome {
            Err(fault) if matches!(fault.reason, Reason::NotFound | Reason::ChannelDisabled) => {
                Some(fault.clone())
            }
            _ => None,
        };
        // The channel is the whole call's: when it is not there or disabled, so are all its items.
        if let Some(fault) = ingested.outcomes.first().and_then(refused) {
            return Err(fault);
        }
        let mut stored = ingested.outcomes.into_iter();
        let outcomes = outcomes.into_iter().filter_map(|outcome| outcome.or_else(|| stored.next())).collect();
        Ok(Ingested { outcomes, written: ingested.written })
    }

    /// A channel that is there and takes part.
    pub async fn ready_channel(&self, tenant_id: Uuid, channel_id: Uuid) -> Result<(), Fault> {
        let mut tx = begin(&self.pool).await?;
        match store::channel::find_one(&mut tx, tenant_id, channel_id).await? {
            None => Err(Fault::not_found("channel")),
            Some(channel) if !channel.takes_part() => {
                Err(Fault::new(Reason::ChannelDisabled, "the channel is disabled"))
            }
            Some(_) => Ok(()),
        }
    }
}
