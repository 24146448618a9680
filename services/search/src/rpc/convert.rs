use prost_types::Timestamp;
use tandem_proto::customer::v1::Customer;
use tandem_proto::search::v1::{
    ConversationHits, GetIndexStatusResponse, IndexLag, IndexStatus, MatchPosition, MessageHit,
    SearchCustomersResponse, SearchMessagesResponse, SearchPlan,
};
use tandem_proto::r#type::v1::Actor;
use tandem_signed_token::{PageToken, Signer};

use crate::domain::customer::FoundCustomers;
use crate::domain::lag::Lag;
use crate::domain::message::page::Plan;
use crate::domain::message::scan::MarkedMessage;
use crate::domain::message::search::FoundMessages;
use crate::domain::scope::Scope;
use crate::domain::status;
use crate::feed::decode_customer;

pub fn messages(found: FoundMessages, lag: Lag, signer: &Signer, binding: &[u8]) -> SearchMessagesResponse {
    let plan = match found.plan {
        Plan::NarrowFirst => SearchPlan::NarrowFirst,
        Plan::TextFirst => SearchPlan::TextFirst,
    };
    let conversations = found.groups.into_iter().map(|group| ConversationHits {
        conversation_id: group.conversation.to_string(),
        hits: group.hits.into_iter().map(hit).collect(),
    });
    SearchMessagesResponse {
        conversations: conversations.collect(),
        next_page_token: found
            .next
            .map_or_else(String::new, |cursor| PageToken::encode(signer, binding, &cursor)),
        plan: plan.into(),
        partial: found.partial,
        index_lag: Some(index_lag(lag)),
    }
}

/// Customers with their contacts in the caller's scope; the others are not shown.
pub fn customers(found: &FoundCustomers, scope: &Scope, lag: Lag) -> SearchCustomersResponse {
    let shown = |encoded: &String| {
        let mut customer: Customer = decode_customer(encoded)?;
        customer
            .contacts
            .retain(|contact| contact.channel_id.parse().is_ok_and(|channel| scope.allows(channel)));
        Some(customer)
    };
    SearchCustomersResponse {
        customers: found.customers.iter().filter_map(shown).collect(),
        partial: found.partial,
        index_lag: Some(index_lag(lag)),
    }
}

pub fn status(indexes: Vec<status::IndexStatus>) -> GetIndexStatusResponse {
    let indexes = indexes.into_iter().map(|index| IndexStatus {
        name: index.name.to_owned(),
        documents: index.documents,
        lag: Some(index_lag(index.lag)),
        rebuilding: index.rebuilding,
    });
    GetIndexStatusResponse { indexes: indexes.collect() }
}

fn hit(marked: MarkedMessage) -> MessageHit {
    let stored = marked.message.stored_at();
    let time =
        Timestamp { seconds: stored.timestamp(), nanos: stored.timestamp_subsec_nanos().cast_signed() };
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let matches = marked
        .marks
        .iter()
        .map(|mark| MatchPosition { start: count(mark.start), length: count(mark.length) });
    MessageHit {
        message_id: marked.message.message_id.to_string(),
        position: marked.message.position,
        author: Some(Actor {
            kind: marked.message.author_kind,
            id: marked.message.author_id,
            name: String::new(),
        }),
        matches: matches.collect(),
        text: marked.message.text,
        time: Some(time),
    }
}

fn index_lag(lag: Lag) -> IndexLag {
    IndexLag { changes: lag.changes, seconds: lag.seconds }
}
