use tandem_database::{Error, Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use crate::domain::Domain;
use crate::domain::kinds::ChannelState;
use crate::domain::model::Channel;
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// Deletes a channel on which no conversation lives; its history stays. Deleting it again changes nothing. Without an
    /// etag (its version) whatever it is now is deleted.
    pub async fn delete_channel(
        &self,
        viewer: &Viewer,
        request: Request,
        id: Uuid,
        etag: Option<i64>,
    ) -> Result<(Channel, String)> {
        let mut tx = begin(&self.pool).await?;
        let recorded = match request_log::claim(&mut tx, &request, self.ambient.now()).await? {
            Some(first) => first,
            None => {
                let channel = store::channel::lock(&mut tx, viewer.tenant_id, id).await?;
                let channel = channel.filter(|channel| viewer.scope.covers(channel.id));
                let mut channel = channel.ok_or_else(|| Fault::not_found("channel"))?;
                if channel.state != ChannelState::Deleted {
                    if etag.is_some_and(|etag| etag != channel.version) {
                        let fault = Fault::new(Reason::EtagMismatch, "the channel changed since it was read");
                        return Err(fault.into());
                    }
                    if let Some(live) =
                        store::channel::live_conversation(&mut tx, viewer.tenant_id, id).await?
                    {
                        return Err(has_live().with("conversation_id", live).into());
                    }
                    channel.state = ChannelState::Deleted;
                    channel.version += 1;
                    let saved = store::channel::save(&mut tx, viewer.tenant_id, &channel).await;
                    // One that starts at this moment, and comes first.
                    saved.map_err(|error| if is_live(&error) { has_live().into() } else { error })?;
                }
                self.record_channel(&mut tx, viewer, &request, &channel).await?
            }
        };
        tx.commit().await?;
        self.sequencer.wake();
        self.channel_answer(viewer, recorded).await
    }
}

fn has_live() -> Fault {
    Fault::new(Reason::ConversationLive, "conversations of the channel are live, close them first")
}

/// Whether the database refused a live conversation on a deleted channel, or the deletion of a channel with one.
pub fn is_live(error: &Error) -> bool {
    error.constraint() == Some("conversation_live_on_channel")
}

/// The refusal of a conversation on a channel that is deleted at this moment.
pub fn or_gone(error: Error) -> Error {
    if is_live(&error) { Fault::new(Reason::ChannelDisabled, "the channel is deleted").into() } else { error }
}
