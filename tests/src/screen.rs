use std::collections::{BTreeMap, BTreeSet};

use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::watch_conversations_response::Event;
use tandem_proto::conversation::v1::watch_service_client::WatchServiceClient;
use tandem_proto::conversation::v1::{
    ConversationRow, Message, WatchConversationsRequest, WatchConversationsResponse, WatchedList,
};
use tandem_proto::r#type::v1::ConversationFilter;
use tonic::{Status, Streaming};

/// What a screen makes of a stream.
pub struct Screen {
    pub stream: Streaming<WatchConversationsResponse>,
    pub rows: BTreeMap<String, ConversationRow>,
    pub messages: BTreeMap<i64, Message>,
    pub entries: BTreeSet<String>,
    pub resume_token: String,
    pub snapshots: usize,
    pub resets: usize,
    pub more: String,
}

impl Screen {
    /// Begins a stream.
    pub async fn open(channel: InternalChannel, request: WatchConversationsRequest) -> Self {
        let stream =
            WatchServiceClient::new(channel).watch_conversations(request).await.unwrap().into_inner();
        Self {
            stream,
            rows: BTreeMap::new(),
            messages: BTreeMap::new(),
            entries: BTreeSet::new(),
            resume_token: String::new(),
            snapshots: 0,
            resets: 0,
            more: String::new(),
        }
    }

    /// Goes on with another stream.
    pub async fn reopen(&mut self, channel: InternalChannel, mut request: WatchConversationsRequest) {
        request.resume_token.clone_from(&self.resume_token);
        self.stream =
            WatchServiceClient::new(channel).watch_conversations(request).await.unwrap().into_inner();
    }

    /// Takes one more response.
    pub async fn next(&mut self) -> Result<(), Status> {
        let sent = self.stream.message().await?.expect("a stream ends with a status");
        if !sent.resume_token.is_empty() {
            self.resume_token = sent.resume_token;
        }
        match sent.event.unwrap() {
            Event::Row(row) => {
                let id = row.conversation.as_ref().unwrap().id.clone();
                if sent.key == "list" {
                    self.rows.insert(id, row);
                }
            }
            Event::RemovedConversationId(id) => {
                self.rows.remove(&id);
            }
            Event::Message(message) => {
                self.messages.insert(message.position, message);
            }
            Event::Entry(entry) => {
                self.entries.insert(entry.id);
            }
            Event::SnapshotEnd(end) => {
                self.snapshots += 1;
                self.more = end.next_page_token;
            }
            Event::Reset(_) => {
                self.resets += 1;
                self.rows.clear();
            }
            Event::Heartbeat(_) | Event::Typing(_) => {}
        }
        Ok(())
    }

    /// Reads on until something holds; the test's time limit ends what never does.
    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let read = async {
            while !holds(self) {
                self.next().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), read).await;
        waited.unwrap_or_else(|_| panic!("waited for a minute in vain: {what}"));
    }

    /// Which rows are shown.
    pub fn ids(&self) -> BTreeSet<String> {
        self.rows.keys().cloned().collect()
    }
}

/// Asks for the list `list`.
pub fn watched_list(filter: ConversationFilter) -> WatchConversationsRequest {
    let list = WatchedList {
        key: "list".to_owned(),
        filter: Some(filter),
        snapshot_size: 200,
        ..WatchedList::default()
    };
    WatchConversationsRequest { lists: vec![list], ..WatchConversationsRequest::default() }
}
