//! Somebody types, or has stopped.

use tandem_database::Result;
use tandem_fault::{Fault, Reason};
use uuid::Uuid;

use super::{LASTS, Signal};
use crate::domain::Domain;
use crate::domain::conversation::send::{not_holder, visible};
use crate::domain::kinds::{ActorKind, HolderKind, Status};
use crate::domain::model::{Actor, Identity};
use crate::domain::viewer::Viewer;
use crate::store;

impl Domain {
    /// The caller types in a conversation, or has stopped. After a take-over the AI has nothing to say, so it does not
    /// type either.
    pub async fn signal_typing(
        &self,
        viewer: &Viewer,
        conversation_id: Uuid,
        typing: bool,
        private: bool,
    ) -> Result<()> {
        let tenant_id = viewer.tenant_id;
        let mut connection = self.pool.acquire().await?;
        let found = store::conversation::read(&mut connection, &[(tenant_id, conversation_id)]).await?.pop();
        let conversation = visible(viewer, found.map(|(_, conversation)| conversation))?;
        let author = viewer.actor()?;
        if conversation.status == Status::Closed {
            return Err(Fault::new(Reason::ConversationClosed, "the conversation is closed").into());
        }
        if author.kind == ActorKind::Ai && conversation.holder.kind != HolderKind::Ai {
            return Err(not_holder(&conversation).into());
        }
        let name = match author.id {
            Some(id) => store::projection::names(&mut connection, tenant_id, &[id]).await?.remove(&id),
            None => None,
        };
        drop(connection);
        let now = self.ambient.now();
        let signal = Signal {
            tenant_id,
            channel_id: conversation.channel_id,
            conversation_id,
            author,
            author_name: name.unwrap_or_default(),
            typing,
            private,
            expires_at: now + LASTS,
        };
        self.typing.tell(signal, now);
        Ok(())
    }

    /// A customer of a channel that the adapter's token names types, or has stopped. One who is not known, or has no live
    /// conversation, is nobody's business.
    pub async fn customer_typing(
        &self,
        viewer: &Viewer,
        channel_id: Uuid,
        identities: Vec<Identity>,
        typing: bool,
    ) -> Result<()> {
        self.own_channel(viewer, channel_id).await?;
        let verified = identities.into_iter().filter(|identity| identity.verified);
        let addresses: Vec<_> =
            verified.map(|identity| (channel_id, identity.kind, identity.value)).collect();
        let mut connection = self.pool.acquire().await?;
        let live = store::typing::live_of(&mut connection, viewer.tenant_id, &addresses).await?;
        drop(connection);
        let Some((contact_id, conversation_id)) = live else { return Ok(()) };
        let now = self.ambient.now();
        let signal = Signal {
            tenant_id: viewer.tenant_id,
            channel_id,
            conversation_id,
            author: Actor::customer(contact_id),
            author_name: String::new(),
            typing,
            private: false,
            expires_at: now + LASTS,
        };
        self.typing.tell(signal, now);
        Ok(())
    }

    /// A channel that the adapter's token names, and that takes part.
    pub async fn own_channel(&self, viewer: &Viewer, channel_id: Uuid) -> Result<(), Fault> {
        if !viewer.scope.covers(channel_id) {
            return Err(Fault::new(Reason::ChannelNotAllowed, "the token does not name this channel"));
        }
        self.adapter_called(viewer.tenant_id, channel_id).await;
        self.ready_channel(viewer.tenant_id, channel_id).await
    }
}
