use std::collections::{BTreeSet, HashMap};

use tandem_database::Result;
use uuid::Uuid;

use super::send::visible;
use crate::domain::Domain;
use crate::domain::kinds::ActorKind;
use crate::domain::model::{Entry, Event, Message};
use crate::domain::viewer::Viewer;
use crate::store;

/// Which messages of a conversation.
#[derive(Debug, Clone, Copy)]
pub enum Window {
    /// After a position, oldest first.
    After(i64),
    /// Before a position, newest first.
    Before(i64),
    /// Before, at and after a position, oldest first.
    Around(i64),
}

/// A page of messages.
#[derive(Debug)]
pub struct Page {
    pub messages: Vec<Message>,
    /// There are more in the window's direction; around a position, after the page.
    pub more: bool,
    /// Around a position: there are more before the page.
    pub more_before: bool,
}

impl Domain {
    /// A page of a window.
    pub async fn messages(
        &self,
        viewer: &Viewer,
        conversation_id: Uuid,
        window: Window,
        page_size: i64,
    ) -> Result<Page> {
        let mut connection = self.pool.acquire().await?;
        let found =
            store::conversation::read(&mut connection, &[(viewer.tenant_id, conversation_id)]).await?.pop();
        let conversation = visible(viewer, found.map(|(_, conversation)| conversation))?;
        // The count to `last_position` is how gap-free positions make this a range and no search.
        let (from, to, newest_first) = match window {
            Window::After(position) => (position.saturating_add(1), conversation.last_position, false),
            Window::Before(position) => (1, position.min(conversation.last_position + 1) - 1, true),
            Window::Around(position) => {
                (around(position, conversation.last_position, page_size), conversation.last_position, false)
            }
        };
        let range = store::message::range;
        let messages =
            range(&mut connection, viewer.tenant_id, conversation_id, from, to, newest_first, page_size)
                .await?;
        let more = messages.last().is_some_and(|last| match window {
            Window::After(_) | Window::Around(_) => last.position < to,
            Window::Before(_) => last.position > 1,
        });
        let is_around = matches!(window, Window::Around(_));
        let more_before = is_around && messages.first().is_some_and(|first| first.position > 1);
        Ok(Page { messages, more, more_before })
    }

    /// What happened after an entry of this number, oldest first, with the entries' numbers, and the names of the agents
    /// and teams in them.
    pub async fn timeline(
        &self,
        viewer: &Viewer,
        conversation_id: Uuid,
        after: i64,
        page_size: i64,
    ) -> Result<(Vec<(i64, Entry)>, HashMap<Uuid, String>)> {
        let mut connection = self.pool.acquire().await?;
        let found =
            store::conversation::read(&mut connection, &[(viewer.tenant_id, conversation_id)]).await?.pop();
        visible(viewer, found.map(|(_, conversation)| conversation))?;
        let of_conversation = store::timeline::of_conversation;
        let entries =
            of_conversation(&mut connection, viewer.tenant_id, conversation_id, after, page_size).await?;
        let people: BTreeSet<Uuid> = entries.iter().flat_map(|(_, entry)| people(entry)).collect();
        let people: Vec<Uuid> = people.into_iter().collect();
        let names = store::projection::names(&mut connection, viewer.tenant_id, &people).await?;
        Ok((entries, names))
    }
}

/// Where a page begins that has a position in its middle, as far as the ends allow.
fn around(position: i64, last: i64, page_size: i64) -> i64 {
    let from = position.saturating_sub(page_size / 2);
    from.min(last.saturating_sub(page_size - 1)).max(1)
}

/// The agents and teams that an entry names.
fn people(entry: &Entry) -> impl Iterator<Item = Uuid> {
    let holders = match &entry.event {
        Event::HolderChanged { from, to, .. } => [from.and_then(|from| from.id), to.id],
        _ => [None, None],
    };
    let actor = entry.actor.id.filter(|_| entry.actor.kind == ActorKind::Agent);
    holders.into_iter().chain([actor]).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_around_a_position_is_full_wherever_it_is() {
        assert_eq!(around(50, 100, 11), 45);
        assert_eq!(around(50, 100, 10), 45);
        assert_eq!(around(2, 100, 11), 1);
        assert_eq!(around(99, 100, 11), 90);
        assert_eq!(around(i64::MAX, 100, 11), 90);
        assert_eq!(around(3, 5, 500), 1);
        assert_eq!(around(1, 0, 500), 1);
    }
}
