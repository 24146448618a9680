use tandem_database::{Result, begin};
use tandem_fault::{Fault, Reason};
use tandem_request_log::{self as request_log, Request};
use uuid::Uuid;

use super::send::changeable;
use crate::domain::Domain;
use crate::domain::channel::delete::or_gone;
use crate::domain::kinds::{Cause, ChannelState, Status};
use crate::domain::model::Holder;
use crate::domain::recorded::{Outcome, Recorded};
use crate::domain::viewer::Viewer;
use crate::domain::work::{HolderChange, Work};
use crate::store;

impl Domain {
    /// Opens a closed conversation again, held by the agent who asks. Reopening a live one changes nothing.
    pub async fn reopen(&self, viewer: &Viewer, request: Request, conversation_id: Uuid) -> Result<Outcome> {
        let mut tx = begin(&self.pool).await?;
        let now = self.ambient.now();
        if let Some(first) = request_log::claim(&mut tx, &request, now).await? {
            drop(tx);
            return self.outcome(viewer, first).await;
        }
        let seen = store::conversation::read(&mut tx, &[(viewer.tenant_id, conversation_id)]).await?.pop();
        let seen = changeable(viewer, seen.map(|(_, conversation)| conversation))?;
        let actor = viewer.actor()?;
        // The contact first, as ingest does: its next message may be starting a conversation at this moment.
        store::contact::lock(&mut tx, viewer.tenant_id, &[seen.contact_id]).await?;
        let contact = store::contact::find(&mut tx, viewer.tenant_id, &[seen.contact_id]).await?.pop();
        let current =
            store::conversation::current_of_contacts(&mut tx, viewer.tenant_id, &[seen.contact_id]).await?;
        let ids: Vec<Uuid> = current.iter().map(|(_, id)| *id).chain([conversation_id]).collect();
        let mut locked = store::conversation::lock(&mut tx, viewer.tenant_id, &ids).await?;
        let live = locked.iter().find(|other| other.id != conversation_id && other.status != Status::Closed);
        if let Some(other) = live {
            return Err(Fault::new(Reason::ConversationLive, "the contact has another live conversation")
                .with("conversation_id", other.id)
                .into());
        }
        if contact.is_none_or(|contact| contact.canonical_id.is_some()) {
            return Err(
                Fault::new(Reason::ConversationLive, "the thread goes on with another contact").into()
            );
        }
        let channel = store::channel::find_one(&mut tx, viewer.tenant_id, seen.channel_id).await?;
        if channel.is_none_or(|channel| channel.state == ChannelState::Deleted) {
            return Err(Fault::new(Reason::ChannelDisabled, "the channel is deleted").into());
        }
        locked.retain(|conversation| conversation.id == conversation_id);
        let mut conversation = changeable(viewer, locked.pop())?;
        let mut recorded = Recorded::new(conversation_id, &[], None);
        if conversation.status == Status::Closed {
            let mut work = Work::new(&self.ambient, viewer.tenant_id, now);
            work.set_status(&mut conversation, Status::Open, actor, "");
            conversation.reopen_count += 1;
            let to = actor.id.map_or(Holder::AI, Holder::agent);
            work.change_holder(&mut conversation, HolderChange::new(to, Cause::Reopen, actor));
            let written = work.write(&mut tx, &[], &mut [conversation]).await.map_err(or_gone)?;
            recorded = Recorded::new(conversation_id, &[], written);
        }
        request_log::record(&mut tx, &request, &recorded).await?;
        tx.commit().await?;
        self.sequencer.wake();
        self.outcome(viewer, recorded).await
    }
}
