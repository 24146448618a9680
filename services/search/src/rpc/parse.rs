use chrono::{DateTime, Utc};
use prost::Message;
use tandem_fault::{Result, Violations};
use tandem_proto::search::v1::{
    HitGrouping, MessageKind, SearchCustomersRequest, SearchFacet, SearchMessagesRequest, SearchOrder,
    WordMatching,
};
use tandem_signed_token::{PageToken, Signer, binding as bind};
use uuid::Uuid;

use super::filter;
use crate::domain::customer::SearchCustomers;
use crate::domain::message::question::{Facet, Order};
use crate::domain::message::{SearchMessages, kind};
use crate::peer::{Filter, WhichCustomers};
use crate::text::query::Matching;

/// Conversations or customers of a page when the request names no number, and at most.
const PAGE: (i32, i32) = (20, 50);
/// Values of one part of a question.
pub const MOST_VALUES: usize = 100;

/// What a page token of messages is bound to: the caller, and everything asked but the page's size and freshness.
pub fn message_binding(tenant: Uuid, subject: &str, request: &SearchMessagesRequest) -> [u8; 16] {
    let mut asked = request.clone();
    (asked.page_size, asked.page_token, asked.at_least_as_fresh) = (0, String::new(), Vec::new());
    bound(tenant, subject, "SearchMessages", &asked)
}

/// The same for customers.
pub fn customer_binding(tenant: Uuid, subject: &str, request: &SearchCustomersRequest) -> [u8; 16] {
    let mut asked = request.clone();
    (asked.page_size, asked.page_token, asked.at_least_as_fresh) = (0, String::new(), Vec::new());
    bound(tenant, subject, "SearchCustomers", &asked)
}

fn bound(tenant: Uuid, subject: &str, method: &str, asked: &impl Message) -> [u8; 16] {
    bind(&[tenant.as_bytes(), subject.as_bytes(), method.as_bytes(), &asked.encode_to_vec()])
}

pub fn messages(
    request: SearchMessagesRequest,
    signer: &Signer,
    binding: &[u8],
    now: DateTime<Utc>,
) -> Result<SearchMessages> {
    let mut violations = Violations::new();
    let words = query(&mut violations, "query", request.query, 512);
    let page_size = size(&mut violations, "page_size", request.page_size, PAGE);
    let filter = if request.view_id.is_empty() {
        filter::filter(&mut violations, request.filter.unwrap_or_default(), "filter", now)
    } else {
        if request.filter.is_some() {
            violations.add("filter", "must not be set with view_id");
            violations.add("view_id", "must not be set with filter");
        }
        let known = request.view_id.parse::<Uuid>().is_ok();
        violations.check(known, "view_id", "must be a UUID");
        view(request.view_id, request.time_zone.clone())
    };
    filter::zone(&mut violations, "time_zone", &request.time_zone);
    for (index, kind) in request.authors.iter().enumerate() {
        filter::known::<tandem_proto::r#type::v1::ActorKind>(
            &mut violations,
            *kind,
            &format!("authors[{index}]"),
        );
    }
    violations.check(request.authors.len() <= MOST_VALUES, "authors", "must be at most 100 values");
    let author_agents = filter::ids(&mut violations, &request.author_agent_ids, "author_agent_ids");
    let kinds = kinds(&mut violations, &request.kinds);
    let order = order(&mut violations, request.order);
    let matching = matching(&mut violations, request.matching);
    let grouped = grouped(&mut violations, request.grouping);
    let facets = facets(&mut violations, &request.facets);
    let time = filter::time_range(&mut violations, request.time.as_ref(), "time", now);
    violations.finish()?;
    Ok(SearchMessages {
        words,
        matching,
        channel_ids: filter.channel_ids,
        contact_ids: filter.contact_ids,
        filter: filter.for_conversation,
        author_kinds: request.authors,
        author_agents,
        kinds,
        private: request.private,
        time,
        order,
        grouped,
        facets,
        page_size,
        cursor: PageToken::resume(signer, binding, &request.page_token)?,
    })
}

/// Conversation knows what a view means.
fn view(view_id: String, time_zone: String) -> filter::Parsed {
    let for_conversation = Some(Filter { filter: None, view_id, time_zone });
    filter::Parsed { for_conversation, ..filter::Parsed::default() }
}

fn kinds(violations: &mut Violations, given: &[i32]) -> Vec<&'static str> {
    violations.check(given.len() <= MOST_VALUES, "kinds", "must be at most 100 values");
    let mut kinds = Vec::new();
    for (index, number) in given.iter().enumerate().take(MOST_VALUES) {
        let word = MessageKind::try_from(*number).ok().and_then(kind::word);
        violations.check(word.is_some(), &format!("kinds[{index}]"), "must be a known value");
        kinds.extend(word);
    }
    kinds
}

fn order(violations: &mut Violations, number: i32) -> Order {
    match SearchOrder::try_from(number) {
        Ok(SearchOrder::Unspecified | SearchOrder::Relevance) => return Order::Relevance,
        Ok(SearchOrder::Newest) => return Order::Newest,
        Ok(SearchOrder::Oldest) => return Order::Oldest,
        Err(_) => violations.add("order", "must be a known value"),
    }
    Order::Relevance
}

fn matching(violations: &mut Violations, number: i32) -> Matching {
    match WordMatching::try_from(number) {
        Ok(WordMatching::Unspecified) => return Matching::AllElseMost,
        Ok(WordMatching::All) => return Matching::All,
        Ok(WordMatching::Most) => return Matching::Most,
        Err(_) => violations.add("matching", "must be a known value"),
    }
    Matching::default()
}

fn grouped(violations: &mut Violations, number: i32) -> bool {
    let known = HitGrouping::try_from(number);
    violations.check(known.is_ok(), "grouping", "must be a known value");
    known != Ok(HitGrouping::None)
}

fn facets(violations: &mut Violations, given: &[i32]) -> Vec<Facet> {
    violations.check(given.len() <= MOST_VALUES, "facets", "must be at most 100 values");
    let mut facets = Vec::new();
    for (index, number) in given.iter().enumerate().take(MOST_VALUES) {
        let facet = match SearchFacet::try_from(*number) {
            Ok(SearchFacet::Channel) => Some(Facet::Channel),
            Ok(SearchFacet::Author) => Some(Facet::Author),
            Ok(SearchFacet::Kind) => Some(Facet::Kind),
            Ok(SearchFacet::Month) => Some(Facet::Month),
            Ok(SearchFacet::Unspecified) | Err(_) => None,
        };
        let once = facet.is_some_and(|facet| !facets.contains(&facet));
        let field = format!("facets[{index}]");
        violations.check(once, &field, "must be a known value, different from the others");
        facets.extend(facet);
    }
    facets
}

pub fn customers(
    request: SearchCustomersRequest,
    signer: &Signer,
    binding: &[u8],
) -> Result<SearchCustomers> {
    let mut violations = Violations::new();
    let words = query(&mut violations, "query", request.query, 256);
    let page_size = size(&mut violations, "page_size", request.page_size, PAGE);
    if let Some(filter) = &request.filter {
        // Customer-profile looks at the rest: which attributes there are it alone knows.
        for (field, id) in [("filter.tag_id", &filter.tag_id), ("filter.channel_id", &filter.channel_id)] {
            violations.check(id.is_empty() || id.parse::<Uuid>().is_ok(), field, "must be a UUID");
        }
    }
    violations.finish()?;
    let filter = request.filter.filter(|filter| *filter != WhichCustomers::default());
    let cursor = PageToken::resume(signer, binding, &request.page_token)?;
    Ok(SearchCustomers { words, filter, page_size, cursor })
}

/// Words in a field.
pub fn query(violations: &mut Violations, field: &str, query: String, most: usize) -> String {
    let length = query.chars().count();
    let description = format!("must be 1 to {most} characters that are not all white space");
    violations.check(length <= most && !query.trim().is_empty(), field, &description);
    query
}

/// How many, with the number that 0 means and the largest.
pub fn size(violations: &mut Violations, field: &str, size: i32, (default, most): (i32, i32)) -> usize {
    violations.check((0..=most).contains(&size), field, &format!("must be 0 to {most}"));
    let size = if size == 0 { default } else { size };
    usize::try_from(size).unwrap_or_default()
}
