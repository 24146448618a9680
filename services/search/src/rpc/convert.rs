use std::mem::take;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use tandem_proto::customer::v1::Customer;
use tandem_proto::search::v1::{
    ConversationHits, FacetCount, FacetCounts, GetIndexStatusResponse, IndexLag, IndexStatus, MatchPosition,
    MessageHit, SearchCustomersResponse, SearchFacet, SearchMessagesResponse, SearchPlan, TotalEstimate,
};
use tandem_proto::r#type::v1::{Actor, ActorKind};
use tandem_signed_token::{PageToken, Signer};

use crate::domain::customer::{FoundCustomer, FoundCustomers};
use crate::domain::lag::Lag;
use crate::domain::message::kind;
use crate::domain::message::page::{Group, MarkedMessage};
use crate::domain::message::question::Facet;
use crate::domain::message::search::{Counts, FoundMessages};
use crate::domain::plan::Plan;
use crate::domain::scope::Scope;
use crate::domain::status;
use crate::feed::decode_customer;

pub fn messages(found: FoundMessages, lag: Lag, signer: &Signer, binding: &[u8]) -> SearchMessagesResponse {
    let plan = search_plan(found.plan);
    let counts = found.counts.as_ref();
    SearchMessagesResponse {
        total: counts
            .map(|counts| TotalEstimate { messages: number(counts.total), at_least: counts.at_least }),
        facets: counts.map(facets).unwrap_or_default(),
        conversations: conversations(found.groups),
        hits: found.alone.into_iter().map(hit).collect(),
        next_page_token: found
            .next
            .map_or_else(String::new, |cursor| PageToken::encode(signer, binding, &cursor)),
        plan: plan.into(),
        partial: found.partial,
        index_lag: Some(index_lag(lag)),
    }
}

pub fn conversations(groups: Vec<Group>) -> Vec<ConversationHits> {
    let one = |group: Group| ConversationHits {
        conversation_id: group.conversation.to_string(),
        hits: group.hits.into_iter().map(hit).collect(),
    };
    groups.into_iter().map(one).collect()
}

fn facets(counts: &Counts) -> Vec<FacetCounts> {
    let one = |(facet, counted): &(Facet, Vec<(String, usize)>)| FacetCounts {
        facet: match facet {
            Facet::Channel => SearchFacet::Channel,
            Facet::Author => SearchFacet::Author,
            Facet::Kind => SearchFacet::Kind,
            Facet::Month => SearchFacet::Month,
        }
        .into(),
        counts: counted
            .iter()
            .map(|(value, messages)| FacetCount { value: told(*facet, value), messages: number(*messages) })
            .collect(),
        before_filter: counts.before_filter,
    };
    counts.facets.iter().map(one).collect()
}

/// A document's value in the form of the API.
fn told(facet: Facet, value: &str) -> String {
    match facet {
        Facet::Author => {
            let kind = value.parse().ok().and_then(|number: i32| ActorKind::try_from(number).ok());
            kind.unwrap_or_default().as_str_name().to_owned()
        }
        Facet::Kind => kind::of_word(value).as_str_name().to_owned(),
        Facet::Channel | Facet::Month => value.to_owned(),
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub fn customers(
    found: &FoundCustomers,
    scope: &Scope,
    lag: Lag,
    signer: &Signer,
    binding: &[u8],
) -> SearchCustomersResponse {
    let next = found.next.map(|cursor| PageToken::encode(signer, binding, &cursor));
    SearchCustomersResponse {
        customers: shown_customers(found, scope),
        partial: found.partial,
        index_lag: Some(index_lag(lag)),
        next_page_token: next.unwrap_or_default(),
        plan: search_plan(found.plan).into(),
    }
}

/// Customers with their contacts in the caller's scope, and with the addresses of these; the others are not shown.
pub fn shown_customers(found: &FoundCustomers, scope: &Scope) -> Vec<Customer> {
    let shown = |found: &FoundCustomer| {
        let mut customer: Customer = decode_customer(&found.customer)?;
        let (mut phones, mut emails) = (take(&mut customer.phones), take(&mut customer.emails));
        customer
            .contacts
            .retain(|contact| contact.channel_id.parse().is_ok_and(|channel| scope.allows(channel)));
        // What imports gave is of no contact.
        let of_shown = |id: &str| id.is_empty() || customer.contacts.iter().any(|contact| contact.id == id);
        phones.retain(|phone| of_shown(&phone.contact_id));
        emails.retain(|email| of_shown(&email.contact_id));
        (customer.phones, customer.emails) = (phones, emails);
        Some(customer)
    };
    found.customers.iter().filter_map(shown).collect()
}

fn search_plan(plan: Plan) -> SearchPlan {
    match plan {
        Plan::NarrowFirst => SearchPlan::NarrowFirst,
        Plan::TextFirst => SearchPlan::TextFirst,
    }
}

pub fn status(indexes: Vec<status::IndexStatus>) -> GetIndexStatusResponse {
    let indexes = indexes.into_iter().map(|index| IndexStatus {
        name: index.name.to_owned(),
        documents: index.documents,
        lag: Some(index_lag(index.lag)),
        rebuilding: index.rebuilding,
        set_aside: index.set_aside,
    });
    GetIndexStatusResponse { indexes: indexes.collect() }
}

fn hit(marked: MarkedMessage) -> MessageHit {
    let time = |at: DateTime<Utc>| Timestamp {
        seconds: at.timestamp(),
        nanos: at.timestamp_subsec_nanos().cast_signed(),
    };
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let matches = marked
        .marks
        .iter()
        .map(|mark| MatchPosition { start: count(mark.start), length: count(mark.length) });
    let message = marked.message;
    MessageHit {
        message_id: message.message_id.to_string(),
        conversation_id: message.conversation_id.to_string(),
        position: message.position,
        matches: matches.collect(),
        time: Some(time(message.stored_at())),
        source_time: Some(time(message.written_at())),
        kind: kind::of_word(&message.kind).into(),
        private: message.private,
        author: Some(Actor { kind: message.author_kind, id: message.author_id, name: String::new() }),
        text: message.text,
    }
}

pub fn index_lag(lag: Lag) -> IndexLag {
    IndexLag { changes: lag.changes, seconds: lag.seconds }
}
