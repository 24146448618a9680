use chrono::{DateTime, Utc};
use prost::Message;
use tandem_fault::{Result, Violations};
use tandem_proto::search::v1::{SearchCustomersRequest, SearchMessagesRequest};
use tandem_signed_token::{PageToken, Signer, binding as bind};
use uuid::Uuid;

use super::filter;
use crate::domain::customer::SearchCustomers;
use crate::domain::message::SearchMessages;

/// Conversations or customers of a page when the request names no number, and at most.
const PAGE: (usize, usize) = (20, 50);
/// Values of one part of a question.
pub const MOST_VALUES: usize = 100;

/// What a page token is bound to: the caller, and everything asked but the page's size and freshness.
pub fn binding(tenant: Uuid, subject: &str, request: &SearchMessagesRequest) -> [u8; 16] {
    let mut asked = request.clone();
    (asked.page_size, asked.page_token, asked.at_least_as_fresh) = (0, String::new(), Vec::new());
    bind(&[tenant.as_bytes(), subject.as_bytes(), b"SearchMessages", &asked.encode_to_vec()])
}

pub fn messages(
    request: SearchMessagesRequest,
    signer: &Signer,
    binding: &[u8],
    now: DateTime<Utc>,
) -> Result<SearchMessages> {
    let mut violations = Violations::new();
    let words = query(&mut violations, request.query, 512);
    let page_size = page_size(&mut violations, request.page_size);
    let filter = filter::filter(&mut violations, request.filter.unwrap_or_default(), "filter", now);
    for (index, kind) in request.authors.iter().enumerate() {
        filter::known::<tandem_proto::r#type::v1::ActorKind>(
            &mut violations,
            *kind,
            &format!("authors[{index}]"),
        );
    }
    violations.check(request.authors.len() <= MOST_VALUES, "authors", "must be at most 100 values");
    let author_agents = filter::ids(&mut violations, &request.author_agent_ids, "author_agent_ids");
    let time = filter::time_range(&mut violations, request.time.as_ref(), "time", now);
    violations.finish()?;
    Ok(SearchMessages {
        words,
        channel_ids: filter.channel_ids,
        contact_ids: filter.contact_ids,
        filter: filter.for_conversation,
        author_kinds: request.authors,
        author_agents,
        time,
        page_size,
        cursor: PageToken::resume(signer, binding, &request.page_token)?,
    })
}

pub fn customers(request: SearchCustomersRequest) -> Result<SearchCustomers> {
    let mut violations = Violations::new();
    let words = query(&mut violations, request.query, 256);
    let page_size = page_size(&mut violations, request.page_size);
    violations.finish()?;
    Ok(SearchCustomers { words, page_size })
}

fn query(violations: &mut Violations, query: String, most: usize) -> String {
    let length = query.chars().count();
    let description = format!("must be 1 to {most} characters that are not all white space");
    violations.check(length <= most && !query.trim().is_empty(), "query", &description);
    query
}

fn page_size(violations: &mut Violations, size: i32) -> usize {
    let (default, most) = PAGE;
    match usize::try_from(size) {
        Ok(0) => default,
        Ok(size) if size <= most => size,
        _ => {
            violations.add("page_size", format!("must be 0 to {most}"));
            default
        }
    }
}
