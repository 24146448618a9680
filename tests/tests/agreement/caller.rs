//! One who asks the same in every way there is.

use std::collections::BTreeMap;

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::watch_conversations_response::Event;
use tandem_proto::conversation::v1::watch_service_client::WatchServiceClient;
use tandem_proto::conversation::v1::{
    ConversationCount, ConversationRow, CountConversationsRequest, ListConversationsRequest,
    MatchConversationsRequest, WatchConversationsRequest, WatchConversationsResponse, WatchedList,
};
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_tests::Suite;
use tonic::Streaming;

use crate::plain::Asker;

/// Rows by id.
pub type Rows = BTreeMap<String, ConversationRow>;

pub struct Caller<'a> {
    suite: &'a Suite,
    pub subject: &'static str,
    role: Role,
    pub asker: Asker,
    pub filters: Vec<ConversationFilter>,
    stream: Streaming<WatchConversationsResponse>,
    resume_token: String,
    live: BTreeMap<String, Rows>,
}

pub fn id_of(row: &ConversationRow) -> String {
    row.conversation.as_ref().unwrap().id.clone()
}

fn watched(filters: &[ConversationFilter], resume_token: String) -> WatchConversationsRequest {
    let lists = filters.iter().enumerate().map(|(number, filter)| WatchedList {
        key: number.to_string(),
        filter: Some(filter.clone()),
        snapshot_size: 200,
        ..WatchedList::default()
    });
    WatchConversationsRequest { lists: lists.collect(), resume_token, ..WatchConversationsRequest::default() }
}

impl<'a> Caller<'a> {
    pub async fn new(
        suite: &'a Suite,
        (subject, role): (&'static str, Role),
        asker: Asker,
        filters: Vec<ConversationFilter>,
    ) -> Self {
        let request = watched(&filters, String::new());
        let mut client = WatchServiceClient::new(suite.as_role(0, subject, role));
        let stream = client.watch_conversations(request).await.unwrap().into_inner();
        let live = (0..filters.len()).map(|number| (number.to_string(), Rows::new())).collect();
        Self { suite, subject, role, asker, filters, stream, resume_token: String::new(), live }
    }

    fn client(&self, replica: usize) -> ConversationServiceClient<InternalChannel> {
        self.suite.conversations(replica, self.subject, self.role)
    }

    /// Everything that the caller may see.
    pub async fn everything(&self) -> Rows {
        let rows = self.listed(0, &ConversationFilter::default(), 0, 200).await;
        rows.into_iter().map(|row| (id_of(&row), row)).collect()
    }

    /// A list, page by page, from the processes in turn.
    pub async fn listed(
        &self,
        replica: usize,
        filter: &ConversationFilter,
        order: i32,
        page_size: i32,
    ) -> Vec<ConversationRow> {
        let (mut rows, mut page_token) = (Vec::new(), String::new());
        for page in 0.. {
            let filter = Some(filter.clone());
            let request =
                ListConversationsRequest { filter, order, page_size, page_token, ..Default::default() };
            let answer = self.client((replica + page) % 2).list_conversations(request).await;
            let answer = answer.unwrap().into_inner();
            rows.extend(answer.rows);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        rows
    }

    pub async fn counted(&self, replica: usize) -> Vec<ConversationCount> {
        let filters = self.filters.clone();
        let request = CountConversationsRequest { filters, ..CountConversationsRequest::default() };
        self.client(replica).count_conversations(request).await.unwrap().into_inner().counts
    }

    pub async fn matched(&self, filter: &ConversationFilter, among: &Rows) -> Vec<String> {
        let request = MatchConversationsRequest {
            filter: Some(filter.clone()),
            conversation_ids: among.keys().cloned().collect(),
            ..MatchConversationsRequest::default()
        };
        self.client(1).match_conversations(request).await.unwrap().into_inner().conversation_ids
    }

    /// Goes on with the stream at another process.
    pub async fn reconnect(&mut self, replica: usize) {
        let request = watched(&self.filters, self.resume_token.clone());
        let mut client = WatchServiceClient::new(self.suite.as_role(replica, self.subject, self.role));
        self.stream = client.watch_conversations(request).await.unwrap().into_inner();
    }

    /// Reads the stream until a list shows this; the test's time limit ends what never does.
    pub async fn shows(&mut self, number: usize, expected: &Rows) {
        let key = number.to_string();
        let read = async {
            while self.live[&key] != *expected {
                let sent = self.stream.message().await.unwrap().expect("a stream ends with a status");
                self.take(sent);
            }
        };
        if tokio::time::timeout(std::time::Duration::from_secs(60), read).await.is_err() {
            let shown = &self.live[&key];
            let missing: Vec<_> = expected.iter().filter(|(id, _)| !shown.contains_key(*id)).collect();
            let other: Vec<_> = shown.iter().filter(|(id, row)| expected.get(*id) != Some(row)).collect();
            panic!(
                "{} under {:?}: not shown are {missing:#?}, shown otherwise {other:#?}",
                self.subject, self.filters[number]
            );
        }
    }

    fn take(&mut self, sent: WatchConversationsResponse) {
        if !sent.resume_token.is_empty() {
            self.resume_token = sent.resume_token;
        }
        let Some(rows) = self.live.get_mut(&sent.key) else { return };
        match sent.event.unwrap() {
            Event::Row(row) => drop(rows.insert(id_of(&row), row)),
            Event::RemovedConversationId(id) => drop(rows.remove(&id)),
            Event::Reset(_) => rows.clear(),
            _ => {}
        }
    }
}
