use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tandem_bootstrap::InternalChannel;
use tandem_fault::Result;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::{
    ConversationRow, GetAccessScopeRequest, ListConversationsRequest, MatchConversationsRequest,
};
use tandem_proto::r#type::v1::ConversationFilter;
use uuid::Uuid;

use super::asking::{Asking, id, ids};
use super::fault::from_status;
use crate::domain::scope::Scope;

/// Rows of one page of the list.
const PAGE: i32 = 200;
/// A rare combination answers short pages with a token to go on: so often it is followed.
const MOST_PAGES: usize = 4;
/// Conversations that one question may name.
const MOST_MATCHED: usize = 500;
/// Callers whose scope is remembered.
const MOST_SCOPES: u64 = 10_000;

/// What conversation decides: a filter as it came, or a view.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `None` with a view.
    pub filter: Option<ConversationFilter>,
    pub view_id: String,
    /// Of named ranges that say none.
    pub time_zone: String,
}

/// A conversation as the inbox shows it: passed on as it came.
pub type Row = ConversationRow;

/// Conversations that match a filter.
#[derive(Debug, Clone)]
pub struct Listed {
    pub ids: Vec<Uuid>,
    /// There are no others.
    pub exhausted: bool,
}

/// The conversation service. Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    client: ConversationServiceClient<InternalChannel>,
    scopes: Cache<[u8; 32], Arc<Scope>>,
}

impl Conversations {
    /// `channel` must carry no token of its own. Scopes are remembered for `remember`.
    pub fn new(channel: InternalChannel, remember: Duration) -> Self {
        let scopes = Cache::builder().max_capacity(MOST_SCOPES).time_to_live(remember).build();
        Self { client: ConversationServiceClient::new(channel), scopes }
    }

    /// What the caller may see.
    pub async fn scope(&self, asking: &Asking) -> Result<Scope> {
        let key: [u8; 32] = Sha256::digest(asking.bearer.as_encoded_bytes()).into();
        if let Some(scope) = self.scopes.get(&key) {
            return Ok(scope.as_ref().clone());
        }
        let request = asking.request(GetAccessScopeRequest {});
        let answer =
            self.client.clone().get_access_scope(request).await.map_err(|status| from_status(&status))?;
        let answer = answer.into_inner();
        let scope = if answer.all_channels { Scope::All } else { Scope::Channels(ids(&answer.channel_ids)?) };
        self.scopes.insert(key, Arc::new(scope.clone()));
        Ok(scope)
    }

    /// The conversations that match, up to `most` of them.
    pub async fn list(&self, asking: &Asking, filter: &Filter, most: usize) -> Result<Listed> {
        let mut listed = Listed { ids: Vec::new(), exhausted: false };
        let mut page_token = String::new();
        for _ in 0..MOST_PAGES {
            let request = asking.request(ListConversationsRequest {
                filter: filter.filter.clone(),
                view_id: filter.view_id.clone(),
                time_zone: filter.time_zone.clone(),
                page_size: PAGE,
                page_token,
                at_least_as_fresh: asking.at_least_as_fresh.clone(),
                ..ListConversationsRequest::default()
            });
            let page = self.client.clone().list_conversations(request).await;
            let page = page.map_err(|status| from_status(&status))?.into_inner();
            for conversation in page.rows.into_iter().filter_map(|row| row.conversation) {
                listed.ids.push(id(&conversation.id)?);
            }
            if listed.ids.len() > most {
                listed.ids.truncate(most);
                return Ok(listed);
            }
            if page.next_page_token.is_empty() {
                listed.exhausted = true;
                return Ok(listed);
            }
            page_token = page.next_page_token;
        }
        Ok(listed)
    }

    /// The newest conversations of some customers, as the inbox shows them.
    pub async fn newest(&self, asking: &Asking, customers: Vec<String>, most: usize) -> Result<Vec<Row>> {
        let request = asking.request(ListConversationsRequest {
            filter: Some(ConversationFilter { customer_ids: customers, ..ConversationFilter::default() }),
            page_size: i32::try_from(most).unwrap_or(PAGE),
            at_least_as_fresh: asking.at_least_as_fresh.clone(),
            ..ListConversationsRequest::default()
        });
        let page = self.client.clone().list_conversations(request).await;
        Ok(page.map_err(|status| from_status(&status))?.into_inner().rows)
    }

    /// Those of the conversations that match and that the caller may see.
    pub async fn matching(
        &self,
        asking: &Asking,
        filter: &Filter,
        conversations: &[Uuid],
    ) -> Result<Vec<Uuid>> {
        let mut matching = Vec::new();
        for some in conversations.chunks(MOST_MATCHED) {
            let request = asking.request(MatchConversationsRequest {
                filter: filter.filter.clone(),
                view_id: filter.view_id.clone(),
                time_zone: filter.time_zone.clone(),
                conversation_ids: some.iter().map(Uuid::to_string).collect(),
                at_least_as_fresh: asking.at_least_as_fresh.clone(),
            });
            let answer = self.client.clone().match_conversations(request).await;
            matching
                .extend(ids(&answer.map_err(|status| from_status(&status))?.into_inner().conversation_ids)?);
        }
        Ok(matching)
    }
}
