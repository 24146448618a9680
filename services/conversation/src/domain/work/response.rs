//! How long customers waited for replies: noted on the replies themselves.

use chrono::{DateTime, Utc};

use super::Work;
use crate::domain::kinds::Status;
use crate::domain::model::Conversation;

/// How it was before a reply.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    waiting_since: Option<DateTime<Utc>>,
    /// The conversation was NEW: nobody has replied since it started or was reopened.
    first: bool,
    /// Where the reply will stand in `messages`.
    index: usize,
}

impl Work<'_> {
    /// Before a reply is appended.
    pub fn before_reply(&self, conversation: &Conversation) -> Before {
        Before {
            waiting_since: conversation.waiting_since,
            first: conversation.status == Status::New,
            index: self.messages.len(),
        }
    }

    /// After a reply, once what it answers is known: notes on its first message since when the customer had waited, if it ended
    /// the wait or is the first response.
    pub fn after_reply(&mut self, conversation: &Conversation, before: Before) {
        if before.first || conversation.waiting_since.is_none() {
            self.responded(before.index, before);
        }
    }

    /// A reply ended the wait.
    pub fn responded(&mut self, index: usize, before: Before) {
        if let Some(message) = self.messages.get_mut(index)
            && let Some(since) = before.waiting_since
        {
            message.waited_since = Some(since);
            message.first_response = before.first;
        }
    }
}
