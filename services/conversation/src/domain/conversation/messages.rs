use tandem_database::Result;
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::model::{Entry, Message};
use crate::domain::viewer::Viewer;
use crate::store;

/// Which messages of a conversation.
#[derive(Debug, Clone, Copy)]
pub enum Window {
    /// After a position, oldest first.
    After(i64),
    /// Before a position, newest first.
    Before(i64),
}

impl Domain {
    /// Messages of a window, and whether there are more in its direction.
    pub async fn messages(
        &self,
        viewer: &Viewer,
        conversation_id: Uuid,
        window: Window,
        page_size: i64,
    ) -> Result<(Vec<Message>, bool)> {
        let mut connection = self.pool.acquire().await?;
        let found =
            store::conversation::read(&mut connection, &[(viewer.tenant_id, conversation_id)]).await?.pop();
        let conversation = visible(viewer, found.map(|(_, conversation)| conversation))?;
        // The count to `last_position` is how gap-free positions make this a range and no search.
        let (from, to, newest_first) = match window {
            Window::After(position) => (position.saturating_add(1), conversation.last_position, false),
            Window::Before(position) => (1, position.min(conversation.last_position + 1) - 1, true),
        };
        let range = store::message::range;
        let messages =
            range(&mut connection, viewer.tenant_id, conversation_id, from, to, newest_first, page_size)
                .await?;
        let more = messages.last().is_some_and(|last| match window {
            Window::After(_) => last.position < to,
            Window::Before(_) => last.position > 1,
        });
        Ok((messages, more))
    }

    /// What happened after an entry of this number, oldest first, with the entries' numbers.
    pub async fn timeline(
        &self,
        viewer: &Viewer,
        conversation_id: Uuid,
        after: i64,
        page_size: i64,
    ) -> Result<Vec<(i64, Entry)>> {
        let mut connection = self.pool.acquire().await?;
        let found =
            store::conversation::read(&mut connection, &[(viewer.tenant_id, conversation_id)]).await?.pop();
        visible(viewer, found.map(|(_, conversation)| conversation))?;
        store::timeline::of_conversation(&mut connection, viewer.tenant_id, conversation_id, after, page_size)
            .await
    }
}
